package io.mirrorctl.dlm.lock;

import com.google.common.base.Throwables;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.store.OutcomeUnknownException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** What is done on a loop until it is over, and what becomes of errors there. */
abstract class LoopTasks {
  private final Loop loop;

  LoopTasks(Loop loop) {
    this.loop = loop;
  }

  /** Whether nothing more is to be done. */
  abstract boolean isEnded();

  /** Ends it: the store has failed, or holds what it should not. */
  abstract void halt(String reason);

  final Loop loop() {
    return loop;
  }

  final void onLoop(Runnable task) {
    if (loop.isCurrent()) {
      task.run();
    } else {
      loop.execute(task);
    }
  }

  /** Calls out to code that is not ours: what it throws is told to the loop, not to us. */
  final void tell(Runnable callback) {
    try {
      callback.run();
    } catch (RuntimeException | Error e) {
      loop.execute(() -> {
        throw e;
      });
    }
  }

  /** Runs what a future would otherwise swallow the errors of. */
  final void guarded(Runnable task) {
    if (!isEnded()) {
      tell(task);
    }
  }

  /** Goes on with the answer to a read, if this is not over by then. */
  final <T> void answered(CompletableFuture<T> future, Consumer<T> then) {
    answered(
        future,
        then,
        () -> {
          throw new IllegalStateException("the outcome of a read is not known");
        });
  }

  /**
   * Goes on with the answer to a commit, if this is not over by then.
   *
   * @param unknown if it is not known whether it was done
   */
  final <T> void answered(CompletableFuture<T> future, Consumer<T> then, Runnable unknown) {
    var _ =
        future.whenComplete((answer, failure) ->
            guarded(() -> {
              if (failure == null) {
                then.accept(answer);
              } else if (isUnknown(failure)) {
                unknown.run();
              } else {
                halt(Throwables.getRootCause(failure).getMessage());
              }
            }));
  }

  private static boolean isUnknown(Throwable failure) {
    return Throwables.getCausalChain(failure).stream()
        .anyMatch(OutcomeUnknownException.class::isInstance);
  }
}
