package io.mirrorctl.core.resync;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Works on several ranges side by side. */
final class Side {
  private Side() {}

  /** Work on one range. */
  interface RangeTask<T> {
    T on(SectorRange range) throws IOException;
  }

  /** Returns all results in the order of the ranges, or the first error when all have ended. */
  static <T> List<T> bySide(List<SectorRange> ranges, RangeTask<T> task, Env env)
      throws IOException {
    List<CompletableFuture<T>> running = new ArrayList<>();
    for (SectorRange range : ranges) {
      running.add(
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return task.on(range);
                } catch (IOException e) {
                  throw new CompletionException(e);
                }
              },
              env.ioOrHere()));
    }
    List<T> results = new ArrayList<>();
    CompletionException first = null;
    for (CompletableFuture<T> each : running) {
      try {
        results.add(each.join());
      } catch (CompletionException e) {
        first = first == null ? e : first;
      }
    }
    if (first == null) {
      return results;
    }
    if (first.getCause() instanceof IOException cause) {
      throw cause;
    }
    throw first;
  }
}
