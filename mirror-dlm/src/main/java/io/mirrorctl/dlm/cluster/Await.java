package io.mirrorctl.dlm.cluster;

import com.google.common.util.concurrent.Uninterruptibles;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * Waits for what the loop completes: the one place of this package where a thread does. Not for the
 * loop itself.
 *
 * <p>No time limit: what is waited for comes, or the end of this node's part in the lockspace does,
 * which completes everything. An interrupt is kept for later.
 */
final class Await {
  private Await() {}

  /**
   * What the future completes with.
   *
   * @param what for the message, as in "joining lockspace a"
   */
  static <T> T done(CompletableFuture<T> future, String what) throws IOException {
    try {
      return Uninterruptibles.getUninterruptibly(future);
    } catch (ExecutionException e) {
      throw new IOException(what + ": " + e.getCause().getMessage(), e.getCause());
    }
  }

  /** The same, giving up at an interrupt. */
  static <T> T interruptibly(CompletableFuture<T> future, String what)
      throws IOException, InterruptedException {
    try {
      return future.get();
    } catch (ExecutionException e) {
      throw new IOException(what + ": " + e.getCause().getMessage(), e.getCause());
    }
  }
}
