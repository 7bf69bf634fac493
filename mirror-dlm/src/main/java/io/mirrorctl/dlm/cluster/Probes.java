package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.array.ArrayControl;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Tries the way to members, for so long and no longer: requests that hang are left to themselves,
 * and no second one is sent to the same member meanwhile.
 *
 * <p>Threading: any thread.
 */
final class Probes {
  private static final long FIRST_PAUSE_MILLIS = 100;

  private final Duration limit;
  private final Env env;
  private final ConcurrentMap<Integer, CompletableFuture<Reach>> underWay =
      new ConcurrentHashMap<>();

  Probes(Duration limit, Env env) {
    this.limit = limit;
    this.env = env;
  }

  /** Complete within the limit. */
  CompletableFuture<Reach> reach(ArrayControl array, int number) {
    CompletableFuture<Reach> answer =
        underWay.computeIfAbsent(number, _ -> begin(array, number)).copy();
    Future<?> end =
        env.timer()
            .schedule(
                () -> answer.complete(new Reach.Silent()), limit.toMillis(), TimeUnit.MILLISECONDS);
    return answer.whenComplete((_, _) -> end.cancel(false));
  }

  private CompletableFuture<Reach> begin(ArrayControl array, int number) {
    var result = new CompletableFuture<Reach>();
    long end = env.millis() + limit.toMillis();
    env.io()
        .execute(() -> {
          Reach found;
          try {
            found = tryUntil(end, array, number);
          } catch (RuntimeException | Error e) {
            found = new Reach.Failed("bug: " + e);
          }
          underWay.remove(number, result);
          result.complete(found);
        });
    return result;
  }

  private Reach tryUntil(long end, ArrayControl array, int number) {
    long pause = FIRST_PAUSE_MILLIS;
    while (true) {
      try {
        array.probe(number);
        return new Reach.Reached();
      } catch (IOException e) {
        if (env.millis() + pause >= end || !rests(pause)) {
          return new Reach.Failed(e.getMessage());
        }
        pause *= 2;
      }
    }
  }

  private boolean rests(long millis) {
    try {
      env.sleep(Duration.ofMillis(millis));
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
