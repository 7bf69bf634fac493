package io.mirrorctl.core.block;

/** What a {@link BlockDevice} can do beyond reading, writing and flushing. */
public enum DeviceFeature {
  /** Writes of every kind are refused with {@link IoFailure#READ_ONLY}. */
  READ_ONLY,
  /** {@link BlockDevice#discard} does something. */
  DISCARD,
  /** A discarded range reads as zeroes from then on. */
  DISCARD_ZEROES,
  /** {@link BlockDevice#writeZeroes} can be quicker than writing the zeroes. */
  FAST_ZEROES,
  /**
   * A flush covers the writes of every user of the storage, not only those made through this
   * object.
   */
  SHARED_FLUSH
}
