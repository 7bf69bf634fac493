package io.mirrorctl.core.resync;

/**
 * How far an action has come.
 *
 * @param action resync, recovery, check or repair
 * @param doneSectors of {@code totalSectors}
 * @param bytesPerSecond lately
 * @param paused by the operator
 * @param mismatchSectors found so far by check or repair
 */
public record SyncProgress(
    String action,
    long doneSectors,
    long totalSectors,
    long bytesPerSecond,
    boolean paused,
    long mismatchSectors) {

  /** 0 to 100. */
  public double percent() {
    return totalSectors == 0 ? 100 : Math.min(100, 100.0 * doneSectors / totalSectors);
  }

  /** Seconds until the end at the present speed; -1 if that cannot be told. */
  public long etaSeconds() {
    return bytesPerSecond == 0 || paused
        ? -1
        : Math.max(0, totalSectors - doneSectors) * 512 / bytesPerSecond;
  }
}
