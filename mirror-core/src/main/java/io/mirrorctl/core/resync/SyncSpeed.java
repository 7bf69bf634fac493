package io.mirrorctl.core.resync;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * Limits for copying and scrubbing, as md's sync_speed_min and sync_speed_max.
 *
 * @param minBytesPerSecond kept up also while clients use the array
 * @param maxBytesPerSecond never exceeded; 0 for no limit
 */
public record SyncSpeed(long minBytesPerSecond, long maxBytesPerSecond) {

  /** 10 MiB/s beside clients, as fast as it goes when there are none. */
  public static final SyncSpeed DEFAULT = new SyncSpeed(10 << 20, 0);

  public SyncSpeed {
    checkArgument(minBytesPerSecond > 0, "the minimum speed must be more than 0");
    checkArgument(
        maxBytesPerSecond == 0 || maxBytesPerSecond >= minBytesPerSecond,
        "the maximum speed %s is below the minimum %s",
        maxBytesPerSecond,
        minBytesPerSecond);
  }
}
