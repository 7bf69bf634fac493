package io.mirrorctl.dlm.member;

import io.mirrorctl.core.env.Loop;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * The loop as one membership uses it: what a task or a continuation throws is the end of the
 * membership, and then goes to the loop's own handler. (A future would keep it to itself.)
 */
final class OwnLoop implements Executor {
  private final Loop loop;
  private final Consumer<Throwable> bug;

  OwnLoop(Loop loop, Consumer<Throwable> bug) {
    this.loop = loop;
    this.bug = bug;
  }

  /** Runs the task here and now if this is the loop, else as soon as it comes to it. */
  void hop(Runnable task) {
    if (loop.isCurrent()) {
      run(task);
    } else {
      execute(task);
    }
  }

  @Override
  public void execute(Runnable task) {
    loop.execute(() -> run(task));
  }

  Loop.Timer after(Duration delay, Runnable task) {
    return loop.after(delay, () -> run(task));
  }

  /** Goes on where and when the stage completes: for stages of this loop. */
  <T> void when(CompletionStage<T> stage, BiConsumer<T, Throwable> next) {
    var _ = stage.whenComplete((result, failure) -> run(() -> next.accept(result, failure)));
  }

  /** Goes on when the stage completes, for one that cannot fail. */
  <T> void when(CompletionStage<T> stage, Consumer<T> next) {
    when(
        stage,
        (result, failure) -> {
          if (failure == null) {
            next.accept(result);
          } else {
            bug(failure);
          }
        });
  }

  /** Goes on with a task of this loop, for a stage of somebody else. */
  <T> void then(CompletionStage<T> stage, BiConsumer<T, Throwable> next) {
    var _ = stage.whenComplete((result, failure) -> execute(() -> next.accept(result, failure)));
  }

  private void run(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException | Error e) {
      bug(e);
    }
  }

  private void bug(Throwable thrown) {
    bug.accept(thrown);
    loop.execute(() -> {
      if (thrown instanceof Error error) {
        throw error;
      }
      throw new IllegalStateException(thrown);
    });
  }
}
