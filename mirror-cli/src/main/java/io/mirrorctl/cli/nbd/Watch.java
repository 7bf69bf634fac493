package io.mirrorctl.cli.nbd;

import com.google.common.base.Ticker;
import io.mirrorctl.core.env.Env;
import java.lang.System.Logger.Level;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Looks at every connection at regular times, so that none of them needs a timer: ends those whose
 * peer is too slow, and helps those whose only thread is held up.
 *
 * <p>Threading: one thread looks; the rest may be called from anywhere.
 */
final class Watch implements Runnable {
  private static final System.Logger LOG = System.getLogger(Watch.class.getName());

  /** Something to be looked at. */
  interface Watched {
    /**
     * Asked every few milliseconds; must not block.
     *
     * @param now nanoseconds by the ticker
     */
    void look(long now);
  }

  private static final long FINE_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
  private static final long COARSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final Ticker ticker;
  private final Set<Watched> watched = ConcurrentHashMap.newKeySet();

  /** Guards the sleep between two looks. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Condition sooner = lock.newCondition();
  private volatile boolean attention;
  private boolean coarse;
  private boolean stopped;

  Watch(Env env) {
    this.ticker = env.ticker();
  }

  void add(Watched one) {
    watched.add(one);
  }

  void remove(Watched one) {
    watched.remove(one);
  }

  /** Somebody relies on being looked at soon, and will say so again while it still does. */
  void attention() {
    if (attention) {
      return;
    }
    lock.lock();
    try {
      attention = true;
      if (coarse) {
        sooner.signal();
      }
    } finally {
      lock.unlock();
    }
  }

  void stop() {
    lock.lock();
    try {
      stopped = true;
      sooner.signal();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void run() {
    try {
      while (sleep()) {
        long now = ticker.read();
        watched.forEach(one -> look(one, now));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void look(Watched one, long now) {
    try {
      one.look(now);
    } catch (RuntimeException | Error e) {
      // the others still need to be looked at
      LOG.log(Level.ERROR, "nbd " + one, e);
    }
  }

  /** Waits for the next look; false if there will be none. */
  private boolean sleep() throws InterruptedException {
    lock.lock();
    try {
      boolean fine = attention;
      attention = false;
      long left = fine ? FINE_NANOS : COARSE_NANOS;
      while (left > 0 && !stopped && (fine || !attention)) {
        coarse = !fine;
        left = sooner.awaitNanos(left);
      }
      coarse = false;
      return !stopped;
    } finally {
      lock.unlock();
    }
  }
}
