package io.mirrorctl.dlm.lock;

/** What became of {@link Lockspace#leave} or {@link Lockspace#takenOver}. */
public sealed interface LeaveOutcome {

  /**
   * The slot is what it was to become.
   *
   * @param generation in which this node saw it so
   */
  record Done(long generation) implements LeaveOutcome {}

  /** This node is no member any more: it has left before. */
  record Left() implements LeaveOutcome {}

  /** This node's part in the lockspace is over. */
  record Halted(String reason) implements LeaveOutcome {}
}
