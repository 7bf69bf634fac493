package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import java.io.InterruptedIOException;
import java.util.concurrent.Semaphore;
import java.util.function.Predicate;

/** Holds operations of a disk before they take effect, until the test lets them go. */
final class Hold {
  private final Semaphore arrived = new Semaphore(0);
  private final Semaphore passes = new Semaphore(0);

  /** Operations that can be given up while they are held, as an array's are before submission. */
  static Hold interruptible(SimDisk disk, Predicate<SimOperation> which) {
    return on(disk, which, true);
  }

  /** Operations that run to their end, as those under way in a device do. */
  static Hold uninterruptible(SimDisk disk, Predicate<SimOperation> which) {
    return on(disk, which, false);
  }

  private static Hold on(SimDisk disk, Predicate<SimOperation> which, boolean interruptible) {
    var hold = new Hold();
    disk.hook(operation -> {
      if (!which.test(operation)) {
        return;
      }
      hold.arrived.release();
      if (!interruptible) {
        hold.passes.acquireUninterruptibly();
        return;
      }
      try {
        hold.passes.acquire();
      } catch (InterruptedException e) {
        throw new InterruptedIOException("given up before it was submitted");
      }
    });
    return hold;
  }

  /** Waits until so many operations more have come to be held. */
  void awaitHeld(int operations) throws InterruptedException {
    arrived.acquire(operations);
  }

  /** Lets everything go, now and later. */
  void release() {
    passes.release(1 << 20);
  }
}
