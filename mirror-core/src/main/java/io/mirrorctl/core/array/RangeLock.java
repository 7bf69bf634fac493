package io.mirrorctl.core.array;

import io.mirrorctl.core.block.SectorRange;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Gives ranges of the array to one user at a time, in the order of asking (invariant I12): a write,
 * the copying of a range, the repair of a read error, a window in which nobody may write.
 *
 * <p>Contract: two holds that overlap never exist at once, and of two overlapping requests the one
 * that came first is served first. Requests that do not overlap do not wait for each other.
 *
 * <p>Threading: any thread; a hold may be released by another thread than the one that got it. One
 * lock, never held across I/O. Cost grows with the number of holds and waiters, which the NBD
 * server bounds.
 */
final class RangeLock {
  private final ReentrantLock lock = new ReentrantLock();
  private final List<Hold> queue = new ArrayList<>();

  /** Changed under the lock only; lets readers see without it that nobody is here. */
  private volatile int size;

  /** A range that its owner has, until closed. */
  final class Hold implements AutoCloseable {
    private final SectorRange range;
    private final Condition turn = lock.newCondition();
    private int ahead;

    private Hold(SectorRange range) {
      this.range = range;
    }

    SectorRange range() {
      return range;
    }

    @Override
    public void close() {
      release(this);
    }
  }

  /** Waits for every earlier overlapping request to end; interruptible while it waits. */
  Hold acquire(SectorRange range) throws InterruptedIOException {
    Hold mine = new Hold(range);
    lock.lock();
    try {
      for (Hold earlier : queue) {
        if (earlier.range.overlaps(range)) {
          mine.ahead++;
        }
      }
      queue.add(mine);
      size = queue.size();
      while (mine.ahead > 0) {
        try {
          mine.turn.await();
        } catch (InterruptedException e) {
          leave(mine);
          Thread.currentThread().interrupt();
          throw new InterruptedIOException("interrupted while waiting for sectors " + range);
        }
      }
      return mine;
    } finally {
      lock.unlock();
    }
  }

  /** How many requests hold or wait for ranges. */
  int size() {
    return size;
  }

  /** Whether nobody holds any of the range or waits for it. */
  boolean isFree(SectorRange range) {
    if (size == 0) {
      return true;
    }
    lock.lock();
    try {
      for (Hold hold : queue) {
        if (hold.range.overlaps(range)) {
          return false;
        }
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  private void release(Hold hold) {
    lock.lock();
    try {
      leave(hold);
    } finally {
      lock.unlock();
    }
  }

  private void leave(Hold hold) {
    int place = queue.indexOf(hold);
    queue.remove(place);
    size = queue.size();
    for (int i = place; i < queue.size(); i++) {
      Hold later = queue.get(i);
      if (later.range.overlaps(hold.range) && --later.ahead == 0) {
        later.turn.signal();
      }
    }
  }
}
