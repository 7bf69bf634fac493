package io.mirrorctl.cli.daemon;

import io.mirrorctl.core.env.Env;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * When arrays that were given up for their disks are tried again: after 1 s, then after pauses that
 * grow to 30 s. One that is lost again soon after its return goes on where it was.
 *
 * <p>Threading: any thread; attempts are made on threads of the environment.
 */
final class Returns {
  private static final long FIRST_PAUSE_MILLIS = 1_000;
  private static final long LONGEST_PAUSE_MILLIS = 30_000;

  /** Who has been back for so long begins anew. */
  private static final long STEADY_MILLIS = 60_000;

  private final Predicate<String> attempt;
  private final Env env;
  private final Map<String, Last> last = new ConcurrentHashMap<>();

  /** The last attempt to return. */
  private record Last(long pauseMillis, long atMillis) {}

  /**
   * @param attempt makes one, and says whether no other is needed
   */
  Returns(Predicate<String> attempt, Env env) {
    this.attempt = attempt;
    this.env = env;
  }

  /** The array was given up. */
  void lost(String array) {
    Last before = last.get(array);
    boolean soon = before != null && env.millis() - before.atMillis() < STEADY_MILLIS;
    tryAfter(array, soon ? longer(before.pauseMillis()) : FIRST_PAUSE_MILLIS);
  }

  private static long longer(long pause) {
    return Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
  }

  private void tryAfter(String array, long pause) {
    Future<?> _ = env.timer().schedule(() -> begin(array, pause), pause, TimeUnit.MILLISECONDS);
  }

  private void begin(String array, long pause) {
    try {
      env.io().execute(() -> tryNow(array, pause));
    } catch (RejectedExecutionException | OutOfMemoryError noThread) {
      tryAfter(array, longer(pause));
    }
  }

  private void tryNow(String array, long pause) {
    boolean over = attempt.test(array);
    last.put(array, new Last(pause, env.millis()));
    if (!over) {
      tryAfter(array, longer(pause));
    }
  }
}
