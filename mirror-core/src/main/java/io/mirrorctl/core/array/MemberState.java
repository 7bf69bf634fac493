package io.mirrorctl.core.array;

/** What a member disk is to its array. */
public sealed interface MemberState {

  /** Belongs to the array, has no role, holds no data; waits to replace a member. */
  record Spare() implements MemberState {}

  /**
   * Receives every write, is not read, and is being filled.
   *
   * @param recoveryOffset sectors below it hold the data; as last written to the superblock
   * @param byBitmap only chunks with a set bit are copied (a re-add), else everything from the
   *     offset
   * @param replacement takes the role over from a member that stays in sync until then
   */
  record Recovering(long recoveryOffset, boolean byBitmap, boolean replacement)
      implements MemberState {}

  /** Holds all data: is read and written. */
  record InSync() implements MemberState {}

  /**
   * Out of use: neither read nor written until it is re-added.
   *
   * @param cause for people
   */
  record Faulty(String cause) implements MemberState {}

  /** Whether every write goes to a member in this state. */
  default boolean receives() {
    return this instanceof InSync || this instanceof Recovering;
  }

  /** The word for this state in reports. */
  default String word() {
    return switch (this) {
      case Spare _ -> "spare";
      case Recovering r -> r.replacement() ? "replacing" : "recovering";
      case InSync _ -> "in-sync";
      case Faulty _ -> "faulty";
    };
  }
}
