package io.mirrorctl.dlm.store;

import java.util.List;

/** A part of a commit. */
public sealed interface Op {
  /** The path it is about. */
  String path();

  /**
   * The parts of a commit, as they are.
   *
   * @throws IllegalArgumentException as {@link Store#commit} says
   */
  static List<Op> checked(List<Op> ops) {
    if (ops.isEmpty()) {
      throw new IllegalArgumentException("a commit without parts");
    }
    for (Op op : ops) {
      StorePath.entry(op.path());
      int version =
          switch (op) {
            case Check check -> check.version;
            case Create _ -> 0;
            case Put put -> put.version;
            case Delete delete -> delete.version;
          };
      if (version < 0) {
        throw new IllegalArgumentException("version %d of %s".formatted(version, op.path()));
      }
    }
    return List.copyOf(ops);
  }

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
