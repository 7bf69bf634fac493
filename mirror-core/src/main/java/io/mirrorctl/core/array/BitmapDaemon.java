package io.mirrorctl.core.array;

import io.mirrorctl.core.bitmap.WriteIntentBitmap;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/** Sweeps the bitmap every daemon_sleep seconds, until closed. */
final class BitmapDaemon implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(BitmapDaemon.class.getName());

  private final Supplier<WriteIntentBitmap> bitmap;
  private final Env env;
  private final ReentrantLock sweeping = new ReentrantLock();
  private ScheduledFuture<?> ticks;
  private boolean closed;

  BitmapDaemon(Supplier<WriteIntentBitmap> bitmap, Env env) {
    this.bitmap = bitmap;
    this.env = env;
  }

  void start() {
    Duration sleep = Duration.ofSeconds(bitmap.get().header().daemonSleep());
    ticks = env.repeat("clear bits", sleep, this::sweep);
  }

  private void sweep() {
    if (!sweeping.tryLock()) {
      return;
    }
    try {
      if (!closed) {
        bitmap.get().sweep();
      }
    } catch (IOException e) {
      LOG.log(Level.WARNING, "clearing bits failed, they stay set: {0}", e.getMessage());
    } finally {
      sweeping.unlock();
    }
  }

  /** Returns when no sweep runs and none will. */
  @Override
  public void close() {
    sweeping.lock();
    try {
      closed = true;
      if (ticks != null) {
        ticks.cancel(false);
      }
    } finally {
      sweeping.unlock();
    }
  }
}
