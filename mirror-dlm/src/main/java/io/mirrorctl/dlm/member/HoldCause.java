package io.mirrorctl.dlm.member;

/** Why I/O is held. */
public enum HoldCause {
  /** The node has not been let into the cluster yet. */
  JOINING,
  /** A regroup is under way. */
  REGROUP,
  /** The lease is over; its renewal ends the hold. */
  LEASE,
  /** The node is leaving or the machine going down; for good. */
  LEAVING
}
