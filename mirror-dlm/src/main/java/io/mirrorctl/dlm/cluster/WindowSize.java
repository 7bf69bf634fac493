package io.mirrorctl.dlm.cluster;

/**
 * How much is announced at a time: so much that announcing takes less than a twentieth of the time
 * (decision D9). Used by one thread at a time.
 */
final class WindowSize {
  private static final long LEAST = (32L << 20) / 512;
  private static final long MOST = (1L << 30) / 512;
  private static final int SHARE = 20;

  private long sectors = LEAST;
  private long announcing;

  long sectors() {
    return sectors;
  }

  /** A window was announced in so many milliseconds. */
  void announced(long millis) {
    announcing = millis;
  }

  /** What was announced last was copied in so many milliseconds. */
  void copied(long millis) {
    if (announcing * SHARE > announcing + millis) {
      sectors = Math.min(MOST, sectors * 2);
    } else if (announcing * SHARE * 4 < announcing + millis) {
      sectors = Math.max(LEAST, sectors / 2);
    }
  }
}
