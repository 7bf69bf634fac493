package io.mirrorctl.dlm.bench;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;

/** The same with Curator's mutex; a mutex belongs to a thread, so each side has one. */
final class CuratorHandOver implements AutoCloseable {
  private record Side(ExecutorService thread, InterProcessMutex mutex) {
    <T> Future<T> run(Callable<T> task) {
      return thread.submit(task);
    }
  }

  private Side holder;
  private Side waiter;

  CuratorHandOver(InterProcessMutex holder, InterProcessMutex waiter) throws Exception {
    this.holder = new Side(Executors.newSingleThreadExecutor(), holder);
    this.waiter = new Side(Executors.newSingleThreadExecutor(), waiter);
    Side first = this.holder;
    first
        .run(() -> {
          first.mutex().acquire();
          return null;
        })
        .get();
  }

  Long once() throws Exception {
    Side from = holder;
    Side to = waiter;
    Future<Long> acquired =
        to.run(() -> {
          to.mutex().acquire();
          return System.nanoTime();
        });
    Thread.sleep(20);
    Future<Long> released =
        from.run(() -> {
          long begin = System.nanoTime();
          from.mutex().release();
          return begin;
        });
    long took = acquired.get() - released.get();
    holder = to;
    waiter = from;
    return took;
  }

  @Override
  public void close() {
    holder.thread().shutdownNow();
    waiter.thread().shutdownNow();
  }
}
