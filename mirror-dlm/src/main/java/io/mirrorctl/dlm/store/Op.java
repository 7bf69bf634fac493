package io.mirrorctl.dlm.store;

/** A part of a commit. */
public sealed interface Op {
  /** The path it is about. */
  String path();

  /** Stands only if the entry has this version. */
  record Check(String path, int version) implements Op {}

  /** Stands only if there is no entry; its parent must exist. */
  record Create(String path, Bytes data, Life life) implements Op {}

  /** Stands only if the entry has this version, which then rises by one. */
  record Put(String path, Bytes data, int version) implements Op {}

  /** Stands only if the entry has this version and none below it. */
  record Delete(String path, int version) implements Op {}

  /** How long a created entry lives. */
  enum Life {
    /** Until it is deleted. */
    PERSISTENT,
    /** Until it is deleted or the session that created it ends. Can have no entries below. */
    EPHEMERAL
  }
}
