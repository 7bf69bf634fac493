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
    long size = 0;
    for (Op op : ops) {
      StorePath.entry(op.path());
      Bytes data =
          switch (op) {
            case Check(var path, var version) -> nothing(path, version);
            case Create(_, var content, _) -> content;
            case Put(var path, var content, var version) -> {
              nothing(path, version);
              yield content;
            }
            case Delete(var path, var version) -> nothing(path, version);
          };
      size += Store.PART_BYTES + op.path().length() + data.size();
    }
    if (size > Store.COMMIT_BYTES) {
      throw new IllegalArgumentException(
          "a commit of %d parts and %d bytes on %s ...: at most %d"
              .formatted(ops.size(), size, ops.getFirst().path(), Store.COMMIT_BYTES));
    }
    return List.copyOf(ops);
  }

  private static Bytes nothing(String path, int version) {
    if (version < 0) {
      throw new IllegalArgumentException("version %d of %s".formatted(version, path));
    }
    return Bytes.EMPTY;
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
