package io.mirrorctl.core.bitmap;

import io.mirrorctl.core.env.Invariant;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Counts writes into their chunks and out again.
 *
 * <p>The way of a write whose bits are durable already takes no lock. It is safe against the sweep
 * for two reasons. A counter only leaves zero under the lock, so a chunk is either counted here by
 * compare-and-set, and then the sweep cannot clear it, or its bit is set again under the lock. And
 * a stable bit is taken back only when an image without it is made, under the lock, while its
 * counter is zero; so a bit that is seen stable after the chunk was counted stays so.
 *
 * <p>Chunks are counted in rising order, so that writers who wait at full counters never wait for
 * each other.
 */
final class OpenWrites {
  private final ReentrantLock lock;
  private final Condition room;
  private final ChunkCounters counters;
  private final DurableSlot slot;

  OpenWrites(ReentrantLock lock, ChunkCounters counters, DurableSlot slot) {
    this.lock = lock;
    this.room = lock.newCondition();
    this.counters = counters;
    this.slot = slot;
  }

  /** Counts a write into these chunks and returns when their bits are durable. */
  void start(long first, long last) throws IOException {
    count(first, last);
    if (slot.bits().areStable(first, last)) {
      return;
    }
    boolean durable = false;
    lock.lock();
    try {
      slot.awaitDurable(first, last);
      durable = true;
    } finally {
      lock.unlock();
      if (!durable) {
        end(first, last, false);
      }
    }
  }

  private void count(long first, long last) throws InterruptedIOException {
    long chunk = first;
    try {
      for (; chunk <= last; chunk++) {
        if (!counters.begin(chunk)) {
          countUnderLock(chunk);
        }
      }
    } finally {
      if (chunk <= last) {
        end(first, chunk - 1, false);
      }
    }
  }

  private void countUnderLock(long chunk) throws InterruptedIOException {
    lock.lock();
    try {
      while (!counters.begin(chunk)) {
        if (counters.isZero(chunk)) {
          slot.set(chunk);
          counters.ensurePageOf(chunk).beginFirst(ChunkCounters.indexOf(chunk));
          return;
        }
        room.await();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted in the queue of writers of chunk " + chunk);
    } finally {
      lock.unlock();
    }
  }

  /** Counts a write out of these chunks. */
  void end(long first, long last, boolean needed) {
    boolean madeRoom = false;
    for (long chunk = first; chunk <= last; chunk++) {
      CounterPage page = counters.pageOf(chunk);
      Invariant.check(page != null, "a write of chunk %d ended that never started", chunk);
      madeRoom |= page.end(ChunkCounters.indexOf(chunk), needed);
    }
    if (madeRoom) {
      lock.lock();
      try {
        room.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }
}
