package io.mirrorctl.core.array;

import com.google.common.base.Ticker;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.env.Invariant;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The door every member I/O passes, so that the set of members changes while none is in flight
 * (decision D6: HOLD and RESUME).
 *
 * <p>Contract: between {@link #hold} and {@link #resume} no pass is out. A pass is given back
 * before its owner waits for anything but the members it talks to.
 *
 * <p>Threading: any thread. Several may hold it at a time, each for its own reason: it is open when
 * all of them have let go.
 */
final class IoGate {
  private final Ticker ticker;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition open = lock.newCondition();
  private final Condition drained = lock.newCondition();
  private int passes;
  private int holds;

  /** When the first of the holds began. */
  private long heldSince;

  /** Those who want a pass and wait. */
  private int waiting;

  /** Why no pass is given any more; null as long as there are. */
  private volatile String closed;

  IoGate(Ticker ticker) {
    this.ticker = ticker;
  }

  /** Takes a pass; waits while the gate is held. */
  void enter() throws IOException {
    lock.lock();
    try {
      if (holds > 0) {
        awaitOpen();
      }
      checkOpen();
      passes++;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while I/O is held");
    } finally {
      lock.unlock();
    }
  }

  /** Lock held. */
  private void awaitOpen() throws InterruptedException {
    waiting++;
    try {
      while (holds > 0 && closed == null) {
        open.await();
      }
    } finally {
      waiting--;
    }
  }

  /** Throws if the gate was closed. */
  void checkOpen() throws DeviceException {
    String reason = closed;
    if (reason != null) {
      throw new DeviceException(IoFailure.CLOSED, reason);
    }
  }

  void exit() {
    lock.lock();
    try {
      Invariant.check(passes > 0, "a pass was given back twice");
      if (--passes == 0) {
        drained.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Stops new passes and returns when all that are out have come back. */
  void hold() {
    lock.lock();
    try {
      if (holds++ == 0) {
        heldSince = ticker.read();
      }
      while (passes > 0) {
        drained.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  void resume() {
    lock.lock();
    try {
      Invariant.check(holds > 0, "the gate was let go twice");
      holds--;
      open.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Whether it is held now, and whom that concerns. */
  Optional<ArrayWait> held() {
    lock.lock();
    try {
      return holds == 0 || closed != null
          ? Optional.empty()
          : Optional.of(
              new ArrayWait.Held(
                  waiting, passes, TimeUnit.NANOSECONDS.toMillis(ticker.read() - heldSince)));
    } finally {
      lock.unlock();
    }
  }

  /** From now on {@link #enter} fails with this reason, if it did not before; returns at once. */
  void fail(String reason) {
    lock.lock();
    try {
      if (closed == null) {
        closed = reason;
      }
      open.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** From now on {@link #enter} fails; returns when no pass is out. */
  void close() {
    lock.lock();
    try {
      fail("the array is stopped");
      while (passes > 0) {
        drained.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }
}
