package io.mirrorctl.dlm.store;

/** What became of a commit. */
public sealed interface CommitResult {

  /**
   * All of it was done.
   *
   * @param order number of the commit in the one order of all commits; rises
   */
  record Committed(long order) implements CommitResult {}

  /**
   * Nothing was done.
   *
   * @param index of the first part that did not stand
   */
  record Refused(int index, Reason reason) implements CommitResult {}

  /** Why a part did not stand. */
  enum Reason {
    /** The entry, or for a creation its parent, does not exist. */
    NO_ENTRY,
    /** The entry to be created exists. */
    EXISTS,
    /** The entry has another version. */
    OTHER_VERSION,
    /** The entry to be deleted has entries below it. */
    NOT_EMPTY,
    /** The parent of the entry to be created ends with a session. */
    PARENT_EPHEMERAL
  }
}
