package io.mirrorctl.core.array;

import com.google.common.base.Ticker;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Where other nodes are copying, so that this node does not write there (invariant I3), and where
 * this node writes, so that it can tell when it no longer does. Looking for a window and being
 * counted as in flight are one step (trap T6).
 *
 * <p>Contract: between the return of {@link #suspend} and the next one of the same slot no pass is
 * out that touches its windows. Who has a pass waits for nothing but the members it talks to; so
 * who has to wait for something else, like the recording of a member's loss, gives it back before.
 *
 * <p>Threading: any thread.
 */
final class SuspendList {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Map<Integer, List<SectorRange>> windows = new HashMap<>();
  private final List<SectorRange> inFlight = new ArrayList<>();
  private final List<Waiter> waiting = new ArrayList<>();
  private final boolean shared;
  private final Ticker ticker;
  private String closed;

  /** A write that waits; equal to no other. */
  private static final class Waiter {
    private final SectorRange range;
    private final long since;

    private Waiter(SectorRange range, long since) {
      this.range = range;
      this.since = since;
    }
  }

  /**
   * @param shared whether there are other nodes; if not, nothing is ever counted
   */
  SuspendList(boolean shared, Ticker ticker) {
    this.shared = shared;
    this.ticker = ticker;
  }

  /** Whether other nodes may copy. */
  boolean isShared() {
    return shared;
  }

  /** Takes a pass if no window is in the way. */
  boolean tryEnter(SectorRange range) {
    if (!shared) {
      return true;
    }
    lock.lock();
    try {
      if (isSuspended(range)) {
        return false;
      }
      inFlight.add(range);
      return true;
    } finally {
      lock.unlock();
    }
  }

  void exit(SectorRange range) {
    if (!shared) {
      return;
    }
    lock.lock();
    try {
      inFlight.remove(range);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Returns when no window is in the way, which may be over again before the next step. */
  void awaitFree(SectorRange range) throws DeviceException, InterruptedIOException {
    lock.lock();
    var waiter = new Waiter(range, ticker.read());
    waiting.add(waiter);
    try {
      while (isSuspended(range)) {
        if (closed != null) {
          throw new DeviceException(IoFailure.CLOSED, closed);
        }
        changed.await();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while another node copies " + range);
    } finally {
      waiting.remove(waiter);
      lock.unlock();
    }
  }

  /** Who waits for whom; empty if nobody does. */
  List<ArrayWait> waits() {
    lock.lock();
    try {
      List<ArrayWait> waits = new ArrayList<>();
      windows.forEach((slot, ranges) -> {
        List<Waiter> behind =
            waiting.stream().filter(waiter -> overlaps(waiter.range, ranges)).toList();
        if (!behind.isEmpty()) { // they stand in the order in which they came
          long nanos = ticker.read() - behind.getFirst().since;
          waits.add(
              new ArrayWait.Suspended(slot, behind.size(), TimeUnit.NANOSECONDS.toMillis(nanos)));
        }
      });
      return waits;
    } finally {
      lock.unlock();
    }
  }

  /**
   * The node of this slot copies these ranges and no others; returns when nothing of this node is
   * in flight there.
   */
  void suspend(int slot, List<SectorRange> ranges) {
    lock.lock();
    try {
      if (ranges.isEmpty()) {
        windows.remove(slot);
      } else {
        windows.put(slot, List.copyOf(ranges));
      }
      changed.signalAll();
      while (inFlight.stream().anyMatch(range -> overlaps(range, ranges))) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Who waits, or would wait, gets this reason instead. */
  void fail(String reason) {
    lock.lock();
    try {
      closed = reason;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private boolean isSuspended(SectorRange range) {
    return !windows.isEmpty()
        && windows.values().stream().anyMatch(ranges -> overlaps(range, ranges));
  }

  private static boolean overlaps(SectorRange range, List<SectorRange> ranges) {
    return ranges.stream().anyMatch(range::overlaps);
  }
}
