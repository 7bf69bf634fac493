package io.mirrorctl.cli.cluster;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Waits for what the cluster answers, within a limit. */
final class Answers {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private Answers() {}

  /**
   * The answer.
   *
   * @param what for the message, as in "the members"
   * @throws IOException if it failed, with the failure as its cause, or does not come
   */
  static <T> T await(CompletableFuture<T> answer, String what) throws IOException {
    return await(answer, PATIENCE, what);
  }

  /** The same, waiting for so long. */
  static <T> T await(CompletableFuture<T> answer, Duration limit, String what) throws IOException {
    try {
      return answer.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new IOException(what + ": " + e.getCause().getMessage(), e.getCause());
    } catch (TimeoutException e) {
      throw new IOException(
          "%s: no answer within %d s; it may come yet, see mirrorctl members"
              .formatted(what, limit.toSeconds()),
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw (IOException) new InterruptedIOException("interrupted: " + what).initCause(e);
    }
  }
}
