package io.mirrorctl.core.resync;

import java.util.concurrent.TimeUnit;

/**
 * How much is copied in one window: so much that no write waits for it longer than a bound. A
 * window is closed to others from when it is announced, at the start of the one before it, until
 * the one behind it has become the current one: while two are copied and one is announced.
 *
 * <p>If announcing takes more than half of the bound, the bound is passed by what it takes more:
 * below a quarter of the bound for copying there would be nothing but announcing.
 *
 * <p>Used by one thread.
 */
final class WindowSize {
  /** No write of another node waits longer than that for a window, as long as speeds are steady. */
  static final long BOUND_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  static final long FIRST = (4L << 20) / 512;
  static final long LEAST = (64L << 10) / 512;

  private long sectors = FIRST;
  private long announcing;

  long sectors() {
    return sectors;
  }

  /** A window was announced in so many nanoseconds. */
  void announced(long nanos) {
    announcing = announcing == 0 ? nanos : (announcing + nanos) / 2;
  }

  /** So many sectors of a window were copied in so many nanoseconds. */
  void copied(long copied, long nanos) {
    long time = Math.max(BOUND_NANOS / 4, (BOUND_NANOS - announcing) / 2);
    double fitting = (double) copied * time / Math.max(1, nanos);
    sectors = Math.max(LEAST, (long) Math.min(fitting, 2.0 * sectors));
  }
}
