package io.mirrorctl.core.block;

import java.util.Set;

/** How a change to a {@link BlockDevice} is to be made. */
public enum WriteOption {
  /** The change is on stable storage when the call returns (NBD and SCSI call it FUA). */
  DURABLE,
  /** Zeroes are to be written so that the range stays allocated; no hole is punched. */
  KEEP_ALLOCATED,
  /**
   * Zeroes only if that is quicker than writing them, else {@link IoFailure#NOT_SUPPORTED} at once.
   */
  FAST_ONLY;

  /** No option. */
  public static final Set<WriteOption> NONE = Set.of();

  /** {@link #DURABLE} alone. */
  public static final Set<WriteOption> ONLY_DURABLE = Set.of(DURABLE);
}
