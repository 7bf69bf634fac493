package io.mirrorctl.core.env;

import com.google.common.base.Ticker;
import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;

/**
 * Clock, threads and chance for one node.
 *
 * @param ticker monotonic time in nanoseconds, for intervals
 * @param wallClock calendar time, for superblocks
 * @param random for UUIDs and jitter
 * @param io runs blocking device I/O; must never queue a task behind another that blocks
 */
public record Env(Ticker ticker, InstantSource wallClock, RandomGenerator random, Executor io) {

  /** The machine's own clock, threads and chance. */
  public static Env system() {
    return new Env(
        Ticker.systemTicker(), InstantSource.system(), new java.security.SecureRandom(), IO);
  }

  private static final ExecutorService IO =
      Executors.newCachedThreadPool(
          Thread.ofPlatform().name("mirror-io-", 0).daemon(true).factory());

  /** Milliseconds of monotonic time. */
  public long millis() {
    return TimeUnit.NANOSECONDS.toMillis(ticker.read());
  }

  /** Waits, unless interrupted. */
  public void sleep(Duration time) throws InterruptedException {
    Thread.sleep(time);
  }
}
