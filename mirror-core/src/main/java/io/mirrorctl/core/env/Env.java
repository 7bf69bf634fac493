package io.mirrorctl.core.env;

import com.google.common.base.Ticker;
import java.lang.System.Logger.Level;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;

/**
 * Clock, threads and chance for one node.
 *
 * @param ticker monotonic time in nanoseconds, for intervals
 * @param wallClock calendar time, for superblocks
 * @param random for UUIDs and jitter
 * @param io runs blocking device I/O; must never queue a task behind another that blocks
 * @param timer starts things later; its tasks must not block
 */
public record Env(
    Ticker ticker,
    InstantSource wallClock,
    RandomGenerator random,
    Executor io,
    ScheduledExecutorService timer) {

  private static final System.Logger LOG = System.getLogger(Env.class.getName());

  private static final Executor IO =
      Executors.newCachedThreadPool(
          Thread.ofPlatform().name("mirror-io-", 0).daemon(true).factory());

  private static final ScheduledExecutorService TIMER =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().name("mirror-timer").daemon(true).factory());

  /** The machine's own clock, threads and chance. */
  public static Env system() {
    return new Env(Ticker.systemTicker(), InstantSource.system(), new SecureRandom(), IO, TIMER);
  }

  /** As {@link #io}; runs a task on the calling thread if there is no thread for it. */
  public Executor ioOrHere() {
    return task -> runOrHere(io, task);
  }

  /** Runs a task on the calling thread if the executor has none for it. */
  public static void runOrHere(Executor executor, Runnable task) {
    try {
      executor.execute(task);
    } catch (RejectedExecutionException | OutOfMemoryError noThread) {
      task.run();
    }
  }

  /**
   * Runs a task on {@link #io} after each such time, until what is returned is cancelled. A run is
   * left out if there is no thread for it, and begins also if the one before has not ended.
   *
   * @param purpose what the task is to do, for people: "clear bits"
   */
  public ScheduledFuture<?> repeat(String purpose, Duration every, Runnable task) {
    Runnable start =
        () -> {
          try {
            io.execute(task);
          } catch (RejectedExecutionException | OutOfMemoryError noThread) {
            // thrown, it would be the timer's last run
            LOG.log(Level.WARNING, "no thread to {0}, tried again: {1}", purpose, noThread);
          }
        };
    return timer.scheduleWithFixedDelay(
        start, every.toNanos(), every.toNanos(), TimeUnit.NANOSECONDS);
  }

  /** A UUID of 128 bits by chance. */
  public UUID randomUuid() {
    return new UUID(random.nextLong(), random.nextLong());
  }

  /** Milliseconds of monotonic time. */
  public long millis() {
    return TimeUnit.NANOSECONDS.toMillis(ticker.read());
  }

  /** Waits, unless interrupted. */
  public void sleep(Duration time) throws InterruptedException {
    Thread.sleep(time);
  }
}
