package io.mirrorctl.core.env;

import java.time.Duration;
import java.util.concurrent.Executor;

/**
 * The thread of a single owner: runs its tasks one after the other, in the order in which they came
 * in, so that what only they touch needs no lock.
 *
 * <p>Tasks must not block. What a task throws is a bug of the owner and goes to the handler the
 * loop was made with. After {@link #close} new tasks are dropped without a word.
 */
public interface Loop extends Executor, AutoCloseable {

  /** A task that has not started yet. */
  interface Timer {
    /** The task does not start any more, if it has not. */
    void cancel();
  }

  /** Runs the task on this loop, not before so much time has passed. */
  Timer after(Duration delay, Runnable task);

  /** Whether the caller is a task of this loop. */
  boolean isCurrent();

  @Override
  void close();

  /**
   * A loop with a thread of its own.
   *
   * @param broken told what a task threw; the loop goes on
   */
  static Loop start(String name, Thread.UncaughtExceptionHandler broken) {
    return new ThreadLoop(name, broken);
  }
}
