package io.mirrorctl.dlm.lock;

/** What became of a request. Every request has exactly one outcome, told once. */
public sealed interface LockOutcome {

  /** The mode is held. */
  record Granted(Grant grant) implements LockOutcome {}

  /** The lock is gone: {@link Lock#unlock} did its work. */
  record Released() implements LockOutcome {}

  /** Cannot be granted at once and was not to be queued. Nothing has changed. */
  record Busy() implements LockOutcome {}

  /** {@link Lock#cancel} came before the grant. The mode is what it was. */
  record Cancelled() implements LockOutcome {}

  /**
   * Would wait for ever: another conversion is queued that this lock's granted mode holds up, and
   * this request would have to queue behind it. Nothing has changed.
   */
  record Deadlock() implements LockOutcome {}

  /** This node left the lockspace. */
  record Left() implements LockOutcome {}

  /** This node's part in the lockspace is over; what it held is or will be purged. */
  record Halted(String reason) implements LockOutcome {}
}
