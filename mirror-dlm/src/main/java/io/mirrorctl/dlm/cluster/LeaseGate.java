package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.IoLease;
import io.mirrorctl.core.block.SectorRange;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The permission of one incarnation of a node to do member I/O (decision D4): while its lease is
 * over I/O waits, and when the incarnation is over it fails.
 *
 * <p>Threading: any thread; without a lock as long as the lease is valid.
 */
final class LeaseGate implements IoLease {
  private static final Logger LOG = LoggerFactory.getLogger(LeaseGate.class);

  /** A renewal wakes who waits; should that ever be missed, this does. */
  private static final long LOOK_AGAIN_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private static final int MOST_LATE = 100;

  private final BooleanSupplier isValid;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final List<LateWrite> late = new ArrayList<>();
  private volatile String ended;

  /**
   * @param isValid whether the lease is
   */
  LeaseGate(BooleanSupplier isValid) {
    this.isValid = isValid;
  }

  @Override
  public void await() throws DeviceException {
    checkNotEnded();
    if (!isValid.getAsBoolean()) {
      awaitRenewal();
    }
  }

  private void awaitRenewal() throws DeviceException {
    boolean interrupted = false;
    lock.lock();
    try {
      while (true) {
        checkNotEnded();
        if (isValid.getAsBoolean()) {
          return;
        }
        try {
          long _ = changed.awaitNanos(LOOK_AGAIN_NANOS);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      lock.unlock();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void checkNotEnded() throws DeviceException {
    String reason = ended;
    if (reason != null) {
      throw new DeviceException(IoFailure.CLOSED, "the node left the cluster: " + reason);
    }
  }

  /** Looks at the lease again. */
  void wake() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** No I/O is permitted from now on; the first reason counts. */
  void end(String reason) {
    lock.lock();
    try {
      if (ended == null) {
        ended = reason;
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void late(String device, SectorRange range) {
    LOG.warn("{}: a write of sectors {} came back after the end of the lease", device, range);
    synchronized (late) {
      if (late.size() < MOST_LATE) {
        late.add(new LateWrite(device, range));
      }
    }
  }

  /** The first of the writes that came back too late. */
  List<LateWrite> lateWrites() {
    synchronized (late) {
      return List.copyOf(late);
    }
  }
}
