package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.array.LateRange;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.IoLease;
import io.mirrorctl.core.block.SectorRange;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
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
  private final List<LateRange> late = new ArrayList<>();

  /** Requests of all arrays that were submitted and have not returned. */
  private final AtomicInteger underWay = new AtomicInteger();

  /** Completed and dropped by whoever finds that nothing is under way; guarded by the lock. */
  private final List<CompletableFuture<Void>> drained = new ArrayList<>();

  private volatile boolean held;
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

  @Override
  public void submit() throws DeviceException {
    underWay.incrementAndGet();
    while (held || ended != null || !isValid.getAsBoolean()) {
      returned(); // nobody waits with a request counted
      awaitOpen();
      underWay.incrementAndGet();
    }
  }

  @Override
  public void returned() {
    if (underWay.decrementAndGet() == 0 && (held || ended != null)) {
      tellDrained();
    }
  }

  /** No request is submitted until {@link #resume}; complete when none is under way. */
  CompletableFuture<Void> hold() {
    held = true;
    return drained();
  }

  /** Requests are submitted again, if the lease is valid. */
  void resume() {
    lock.lock();
    try {
      held = false;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** After {@link #hold} or {@link #end(String)}; complete when no request is under way. */
  CompletableFuture<Void> drained() {
    var result = new CompletableFuture<Void>();
    lock.lock();
    try {
      drained.add(result);
    } finally {
      lock.unlock();
    }
    if (underWay.get() == 0) {
      tellDrained();
    }
    return result;
  }

  private void tellDrained() {
    List<CompletableFuture<Void>> all;
    lock.lock();
    try {
      all = List.copyOf(drained);
      drained.clear();
    } finally {
      lock.unlock();
    }
    all.forEach(result -> result.complete(null));
  }

  private void awaitOpen() throws DeviceException {
    awaitUntil(() -> !held && isValid.getAsBoolean());
  }

  private void awaitRenewal() throws DeviceException {
    awaitUntil(isValid);
  }

  private void awaitUntil(BooleanSupplier open) throws DeviceException {
    boolean interrupted = false;
    lock.lock();
    try {
      while (true) {
        checkNotEnded();
        if (open.getAsBoolean()) {
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
        late.add(new LateRange(device, range));
      }
    }
  }

  /** The first of the writes that came back too late. */
  List<LateRange> lateWrites() {
    synchronized (late) {
      return List.copyOf(late);
    }
  }
}
