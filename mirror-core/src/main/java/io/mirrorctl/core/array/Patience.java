package io.mirrorctl.core.array;

import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;

/** How long a disk is announced that not every node finds. */
@FunctionalInterface
public interface Patience {
  /** Long enough for a script that hears of the announcement, or for an operator who is ready. */
  Duration LIMIT = Duration.ofSeconds(30);

  /** Between two questions. */
  Duration REST = Duration.ofMillis(500);

  /**
   * Returns when the nodes are to be asked again.
   *
   * @param unseen the node of its slot has not found the disk
   * @throws IOException if it has taken too long, or whoever asked is gone: nothing is changed then
   */
  void await(RefusedElsewhere unseen) throws IOException;

  /** Asks for {@link #LIMIT}. */
  static Patience limited(Env env) {
    long end = env.millis() + LIMIT.toMillis();
    return unseen -> {
      if (env.millis() >= end) {
        throw unseen;
      }
      rest(env);
    };
  }

  /** Waits for {@link #REST}. */
  static void rest(Env env) throws InterruptedIOException {
    try {
      env.sleep(REST);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a disk was announced");
    }
  }
}
