package io.mirrorctl.cli.nbd;

import java.util.ArrayDeque;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Bytes of payload that a server holds in memory at one time, and each connection's share of them.
 *
 * <p>Contract: a connection holds at most its share, except that one request alone always fits; all
 * together hold at most the limit, except that a connection that holds nothing always gets {@link
 * #FLOOR} bytes, so that clients that stopped reading cannot keep others from their turn. Whoever
 * waits is served in order of arrival.
 *
 * <p>Threading: safe from any thread; within one {@link Share} one thread takes at a time, any
 * number give back.
 */
final class ByteBudget {
  /** What a connection without anything in memory gets even when the limit is used up. */
  static final int FLOOR = 1 << 20;

  private final long limit;
  private final long share;
  private final AtomicLong used = new AtomicLong();

  /** Guards itself; those who wait, first come first served. */
  private final ArrayDeque<Share> waiting = new ArrayDeque<>();

  private volatile boolean somebodyWaits;

  ByteBudget(long limit, long share) {
    this.limit = limit;
    this.share = share;
  }

  /** The account of a new connection. */
  Share share() {
    return new Share();
  }

  /** Bytes held by all connections together. */
  long used() {
    return used.get();
  }

  /** The account of one connection. */
  final class Share {
    private final AtomicLong held = new AtomicLong();

    /** What {@link #take} waits for; guarded by {@link #waiting}. */
    private int wanted;

    /** Takes bytes if that is possible at once. */
    boolean tryTake(int bytes) {
      return fits(bytes) && (!somebodyWaits || floor(bytes)) && claim(bytes);
    }

    /** Takes bytes, waiting until others have given back enough. */
    void take(int bytes) throws InterruptedException {
      synchronized (waiting) {
        wanted = bytes;
        waiting.addLast(this);
        somebodyWaits = true;
        try {
          while (!(fits(bytes) && (first() || floor(bytes)) && claim(bytes))) {
            waiting.wait();
          }
        } finally {
          waiting.remove(this);
          somebodyWaits = !waiting.isEmpty();
          waiting.notifyAll();
        }
      }
    }

    /** Gives bytes back. */
    void give(int bytes) {
      held.addAndGet(-bytes);
      used.addAndGet(-bytes);
      if (somebodyWaits) {
        synchronized (waiting) {
          waiting.notifyAll();
        }
      }
    }

    /** Bytes this connection holds. */
    long held() {
      return held.get();
    }

    private boolean fits(int bytes) {
      long mine = held.get();
      return mine == 0 || mine + bytes <= share;
    }

    private boolean floor(int bytes) {
      return bytes <= FLOOR && held.get() == 0;
    }

    private boolean first() {
      // one that waits for its own share must not hold up the others
      for (Share other : waiting) {
        if (other == this) {
          return true;
        }
        if (other.fits(other.wanted)) {
          return false;
        }
      }
      return true;
    }

    private boolean claim(int bytes) {
      while (true) {
        long before = used.get();
        if (before + bytes > limit && before != 0 && !floor(bytes)) {
          return false;
        }
        if (used.compareAndSet(before, before + bytes)) {
          held.addAndGet(bytes);
          return true;
        }
      }
    }
  }
}
