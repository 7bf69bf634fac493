package io.mirrorctl.core.env;

import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** A loop on one daemon thread. */
final class ThreadLoop implements Loop {
  private final ScheduledThreadPoolExecutor executor;
  private final Thread.UncaughtExceptionHandler broken;
  private volatile Thread thread;

  ThreadLoop(String name, Thread.UncaughtExceptionHandler broken) {
    this.broken = broken;
    executor =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread started = Thread.ofPlatform().name(name).daemon(true).unstarted(task);
              thread = started;
              return started;
            });
    executor.setRemoveOnCancelPolicy(true);
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  @Override
  public void execute(Runnable task) {
    try {
      executor.execute(() -> run(task));
    } catch (RejectedExecutionException e) {
      // closed
    }
  }

  @Override
  public Timer after(Duration delay, Runnable task) {
    try {
      Future<?> started = executor.schedule(() -> run(task), delay.toNanos(), TimeUnit.NANOSECONDS);
      return () -> started.cancel(false);
    } catch (RejectedExecutionException e) {
      return () -> {};
    }
  }

  private void run(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException | Error e) {
      broken.uncaughtException(Thread.currentThread(), e);
    }
  }

  @Override
  public boolean isCurrent() {
    return Thread.currentThread().equals(thread);
  }

  /** What came in before still runs. */
  @Override
  public void close() {
    executor.shutdown();
  }
}
