package io.mirrorctl.cli.nbd;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;

/**
 * How long to wait before each attempt to connect: not at all at first, then twice as long each
 * time up to two seconds, spread out so that many clients do not come back to a server in step.
 *
 * <p>Threading: one thread.
 */
final class Backoff {
  private static final long FIRST_MILLIS = 20;
  private static final long LONGEST_MILLIS = 2_000;

  /** A connection that lasted so long is no sign of trouble by its end. */
  private static final Duration LONG = Duration.ofSeconds(1);

  private final RandomGenerator random;
  private int failures;

  Backoff(RandomGenerator random) {
    this.random = random;
  }

  /**
   * A connection has ended. A server that drops each one at once is not run over.
   *
   * @param ofUse whether the server answered anything
   */
  void ended(long afterNanos, boolean ofUse) {
    if (afterNanos >= LONG.toNanos()) {
      failures = 0;
    } else {
      failures = ofUse ? 1 : failures + 1;
    }
  }

  /** An attempt has failed. */
  void failed() {
    failures++;
  }

  /** The pause before the next attempt. */
  long pauseNanos() {
    if (failures == 0) {
      return 0;
    }
    long millis = Math.min(FIRST_MILLIS << Math.min(failures - 1, 20), LONGEST_MILLIS);
    return TimeUnit.MILLISECONDS.toNanos(millis / 2 + random.nextLong(millis / 2 + 1));
  }
}
