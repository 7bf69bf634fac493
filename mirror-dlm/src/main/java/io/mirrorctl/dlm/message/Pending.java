package io.mirrorctl.dlm.message;

import java.util.concurrent.CompletableFuture;

/** Something that was asked of the channel and may still be taken back. */
public final class Pending<T> {
  private final CompletableFuture<T> outcome;
  private final Runnable cancel;

  Pending(CompletableFuture<T> outcome, Runnable cancel) {
    this.outcome = outcome;
    this.cancel = cancel;
  }

  /** What becomes of it; complete on the loop, never with an exception. */
  public CompletableFuture<T> outcome() {
    return outcome;
  }

  /**
   * Takes it back if that is still possible, which the outcome tells: a message that anybody may
   * have seen is seen through.
   */
  public void cancel() {
    cancel.run();
  }
}
