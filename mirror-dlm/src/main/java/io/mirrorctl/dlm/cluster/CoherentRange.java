package io.mirrorctl.dlm.cluster;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.env.Invariant;
import io.mirrorctl.dlm.lock.BlockingCallback;
import io.mirrorctl.dlm.lock.Lock;
import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.LockOutcome;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;

/**
 * This node's lock on one range of an array: PR while the node reads there, PW while it writes,
 * kept until another node asks for it.
 *
 * <p>Contract: between {@link #enter} and {@link #exit} no other node is inside for a write, and
 * none at all if this one is inside for a write. Whoever waited when the lock was granted gets in
 * before it is given away again; whoever comes when another node waits lets that one go first.
 *
 * <p>A lock is never raised but given up and asked for anew: two nodes that both read and both want
 * to write would wait for each other, and conversions pass requests that wait, so that a third node
 * might wait for ever.
 *
 * <p>Threading: any thread but the loop's.
 */
final class CoherentRange {
  private final ReentrantLock guard = new ReentrantLock();
  private final Condition changed = guard.newCondition();
  private final Function<BlockingCallback, Lock> locks;
  private final Queue<Waiter> waiters = new ArrayDeque<>();
  private Optional<Lock> lock = Optional.empty();

  /** NL without a lock. */
  private LockMode held = LockMode.NL;

  /** What the request under way asks for. */
  private Optional<LockMode> requested = Optional.empty();

  /** The highest mode that another node waits for in front of this one's. */
  private Optional<LockMode> asked = Optional.empty();

  private int inside;
  private Optional<String> ended = Optional.empty();

  private static final class Waiter {
    private final LockMode mode;
    private boolean admitted;

    private Waiter(LockMode mode) {
      this.mode = mode;
    }
  }

  /**
   * @param locks makes a lock on the range's resource; there is one at a time
   */
  CoherentRange(Function<BlockingCallback, Lock> locks) {
    this.locks = locks;
  }

  /**
   * Waits until this node may be in the range.
   *
   * @param mode PR or PW
   */
  void enter(LockMode mode) throws DeviceException, InterruptedIOException {
    checkArgument(mode == LockMode.PR || mode == LockMode.PW, "%s is no mode of a request", mode);
    guard.lock();
    try {
      checkNotEnded();
      boolean settled = requested.isEmpty() && asked.isEmpty();
      if (settled && waiters.isEmpty() && covers(mode)) {
        inside++;
        return;
      }
      var waiter = new Waiter(mode);
      waiters.add(waiter);
      next();
      await(waiter);
    } finally {
      guard.unlock();
    }
  }

  private void await(Waiter waiter) throws DeviceException, InterruptedIOException {
    try {
      while (!waiter.admitted) {
        checkNotEnded();
        changed.await();
      }
    } catch (InterruptedException e) {
      leave(waiter);
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for a range of the array");
    } catch (DeviceException e) {
      leave(waiter);
      throw e;
    }
  }

  private void leave(Waiter waiter) {
    waiters.remove(waiter);
    if (waiter.admitted) {
      inside--;
    }
    next();
  }

  void exit() {
    guard.lock();
    try {
      Invariant.check(inside > 0, "a range was left twice");
      inside--;
      next();
    } finally {
      guard.unlock();
    }
  }

  /** Who waits and who comes fails from now on. */
  void end(String reason) {
    guard.lock();
    try {
      ended = Optional.of(reason);
      changed.signalAll();
    } finally {
      guard.unlock();
    }
  }

  private void checkNotEnded() throws DeviceException {
    if (ended.isPresent()) {
      throw new DeviceException(IoFailure.CLOSED, ended.get());
    }
  }

  private boolean covers(LockMode mode) {
    return held == LockMode.PW || held == mode;
  }

  /** On the loop. */
  private void blocking(LockMode wanted) {
    guard.lock();
    try {
      boolean higher = asked.isEmpty() || asked.get().compareTo(wanted) < 0;
      if (higher && !requested.orElse(held).isCompatibleWith(wanted)) {
        asked = Optional.of(wanted);
        next();
      }
    } finally {
      guard.unlock();
    }
  }

  /** Begins what is due now. Guard held. */
  private void next() {
    if (requested.isPresent()) {
      return;
    }
    if (asked.isPresent()) { // also when this node has ended with the range
      if (inside == 0) {
        boolean mayRead = held == LockMode.PW && asked.get().isCompatibleWith(LockMode.PR);
        request(mayRead ? LockMode.PR : LockMode.NL);
      }
      return;
    }
    if (waiters.isEmpty() || ended.isPresent()) {
      return;
    }
    boolean writes = waiters.stream().anyMatch(waiter -> waiter.mode == LockMode.PW);
    LockMode wanted = writes ? LockMode.PW : LockMode.PR;
    if (covers(wanted)) {
      admit();
    } else if (held == LockMode.NL) {
      request(wanted);
    } else if (inside == 0) {
      request(LockMode.NL);
    }
  }

  private void admit() {
    for (Iterator<Waiter> each = waiters.iterator(); each.hasNext(); ) {
      Waiter waiter = each.next();
      if (covers(waiter.mode)) {
        waiter.admitted = true;
        inside++;
        each.remove();
      }
    }
    changed.signalAll();
  }

  private void request(LockMode mode) {
    requested = Optional.of(mode);
    Lock current = lock.orElseGet(() -> locks.apply(this::blocking));
    boolean givesUp = mode == LockMode.NL;
    lock = givesUp ? Optional.empty() : Optional.of(current);
    CompletableFuture<LockOutcome> asking = givesUp ? current.unlock() : current.convert(mode);
    var _ = asking.whenComplete((outcome, failure) -> done(mode, outcome, failure));
  }

  private void done(LockMode mode, LockOutcome outcome, Throwable failure) {
    guard.lock();
    try {
      requested = Optional.empty();
      if (!(outcome instanceof LockOutcome.Granted || outcome instanceof LockOutcome.Released)) {
        end(
            "a range of the array cannot be had in %s: %s"
                .formatted(mode, failure == null ? outcome : failure));
        return;
      }
      held = mode;
      asked = asked.filter(wanted -> !held.isCompatibleWith(wanted));
      admit();
      next();
    } finally {
      guard.unlock();
    }
  }
}
