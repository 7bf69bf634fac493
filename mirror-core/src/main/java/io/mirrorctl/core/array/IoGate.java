package io.mirrorctl.core.array;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.env.Invariant;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The door every member I/O passes, so that the set of members changes while none is in flight
 * (decision D6: HOLD and RESUME).
 *
 * <p>Contract: between {@link #hold} and {@link #resume} no pass is out. A pass is given back
 * before its owner waits for anything but the members it talks to.
 *
 * <p>Threading: any thread. Holds do not nest; one thread at a time changes the set.
 */
final class IoGate {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition open = lock.newCondition();
  private final Condition drained = lock.newCondition();
  private int passes;
  private boolean held;
  private volatile boolean closed;

  /** Takes a pass; waits while the gate is held. */
  void enter() throws IOException {
    lock.lock();
    try {
      while (held && !closed) {
        open.await();
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

  /** Throws if the gate was closed. */
  void checkOpen() throws DeviceException {
    if (closed) {
      throw new DeviceException(IoFailure.CLOSED, "the array is stopped");
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
      Invariant.check(!held, "the gate is held already");
      held = true;
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
      held = false;
      open.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** From now on {@link #enter} fails; returns when no pass is out. */
  void close() {
    lock.lock();
    try {
      closed = true;
      open.signalAll();
      while (passes > 0) {
        drained.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }
}
