package io.mirrorctl.core.resync;

import io.mirrorctl.core.env.Env;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Tells how long to rest so that a speed limit is kept, and how fast it went lately.
 *
 * <p>Threading: one thread; the speed may be read by any.
 */
final class Pace {
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  private final Env env;
  private final LongSupplier clientRequests;
  private long lastRequests;
  private long due;
  private long windowStart;
  private long windowBytes;
  private volatile long bytesPerSecond;

  /**
   * @param clientRequests how many requests clients have made so far
   */
  Pace(Env env, LongSupplier clientRequests) {
    this.env = env;
    this.clientRequests = clientRequests;
    this.lastRequests = clientRequests.getAsLong();
    this.due = env.ticker().read();
    this.windowStart = due;
  }

  /** Nanoseconds to rest after so many bytes. */
  long restAfter(long bytes, SyncSpeed limits) {
    long now = env.ticker().read();
    measure(now, bytes);
    long requests = clientRequests.getAsLong();
    boolean busy = requests != lastRequests;
    lastRequests = requests;
    long limit = busy ? limits.minBytesPerSecond() : limits.maxBytesPerSecond();
    if (limit == 0) {
      due = now;
      return 0;
    }
    due = Math.max(due, now - SECOND) + (long) ((double) bytes / limit * SECOND);
    return Math.max(0, due - now);
  }

  long bytesPerSecond() {
    return bytesPerSecond;
  }

  private void measure(long now, long bytes) {
    windowBytes += bytes;
    long elapsed = now - windowStart;
    if (elapsed >= SECOND || (bytesPerSecond == 0 && elapsed > 0)) {
      bytesPerSecond = (long) ((double) windowBytes * SECOND / elapsed);
    }
    if (elapsed >= SECOND) {
      windowStart = now;
      windowBytes = 0;
    }
  }
}
