package io.mirrorctl.core.block;

import java.io.InterruptedIOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * An open file descriptor that is closed only when no system call uses it any more. A descriptor
 * closed earlier could be given to another file at once, and a late write would land there.
 *
 * <p>Threading: safe from any thread. A call stands between {@link #enter} and {@link #leave},
 * which cost one atomic addition each.
 */
final class Descriptor {
  private static final long CLOSED = Long.MIN_VALUE;

  private final int number;
  private final String name;

  /** Calls in flight, and the sign bit once close was asked for. */
  private final AtomicLong users = new AtomicLong();

  private final AtomicBoolean releasing = new AtomicBoolean();
  private final CountDownLatch released = new CountDownLatch(1);

  Descriptor(int number, String name) {
    this.number = number;
    this.name = name;
  }

  /**
   * The descriptor, for one system call.
   *
   * @throws DeviceException of kind {@link IoFailure#CLOSED} after {@link #close}
   */
  int enter() throws DeviceException {
    if (users.incrementAndGet() < 0) {
      leave();
      throw new DeviceException(IoFailure.CLOSED, name + " is closed");
    }
    return number;
  }

  /** The call has ended. */
  void leave() {
    if (users.decrementAndGet() == CLOSED) {
      release();
    }
  }

  /**
   * Refuses further calls, waits for those in flight, then drops all locks and closes. A second
   * close only waits.
   *
   * @throws InterruptedIOException if interrupted in the wait; the last call in flight then closes
   */
  void close() throws InterruptedIOException {
    if (users.getAndUpdate(count -> count | CLOSED) == 0) {
      release();
    }
    try {
      if (released.getCount() != 0) {
        released.await();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException(
          "interrupted while requests of " + name + " are in flight; the last one will close it");
    }
  }

  private void release() {
    if (releasing.compareAndSet(false, true)) {
      // by hand, since a child process that is being started may share the file for a moment
      Libc.setLock(number, Libc.LOCK_NONE, 0, 0);
      // an error of close would tell of writes that were not flushed: promised to nobody
      Libc.close(number);
      released.countDown();
    }
  }
}
