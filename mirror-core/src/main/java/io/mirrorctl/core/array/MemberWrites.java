package io.mirrorctl.core.array;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.VolatileDevice;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * Brings an operation to every member that receives writes, and deals with those that fail
 * (decision D6): a member that failed what an in-sync member could do is condemned; where no
 * in-sync member could do it, nobody is failed and the caller gets the error.
 */
final class MemberWrites {
  /** Of an operation that no window is in the way of. */
  private static final SectorRange NOWHERE = new SectorRange(0, 0);

  private final Membership membership;
  private final IoGate gate;
  private final SuspendList suspended;
  private final Env env;
  private final Consumer<ArrayEvent> events;
  private final Runnable afterLoss;

  /** Why answered writes of the last in-sync member may be lost; null once a flush has said so. */
  private final AtomicReference<String> untold = new AtomicReference<>();

  private volatile boolean doubtful;

  /**
   * @param afterLoss called when the last in-sync member may have lost writes since its last flush,
   *     before it can be flushed again
   */
  MemberWrites(
      Membership membership,
      IoGate gate,
      SuspendList suspended,
      Env env,
      Consumer<ArrayEvent> events,
      Runnable afterLoss) {
    this.membership = membership;
    this.gate = gate;
    this.suspended = suspended;
    this.env = env;
    this.events = events;
    this.afterLoss = afterLoss;
  }

  /**
   * For a client's flush: returns when everything that was acknowledged before is durable on every
   * receiving member. Fails once after the last in-sync member lost what was not yet flushed.
   */
  void flush() throws IOException {
    try {
      acknowledgeable(NOWHERE, Durable.EVERYTHING, () -> {}, leg -> leg.member().flush());
    } catch (InterruptedIOException e) {
      throw e;
    } catch (IOException e) {
      untold.set(null); // this says it
      throw e;
    }
    String reason = untold.getAndSet(null);
    if (reason != null) {
      throw new DeviceException(
          IoFailure.OTHER, reason + ": writes since the flush before may be lost");
    }
  }

  /** For the array itself: flushes every receiving member. */
  void flushReceivers() throws IOException {
    toReceivers(Durable.EVERYTHING, leg -> leg.member().flush());
  }

  /**
   * Whether a flush failed of a member that had to stay. What was written before it may be lost at
   * a power cut even if later flushes succeed, so no bit may be cleared any more.
   */
  boolean isDoubtful() {
    return doubtful;
  }

  /** What an operation makes durable. */
  enum Durable {
    NOTHING,
    /** What it writes. */
    ITSELF,
    /** All that was written before. */
    EVERYTHING
  }

  /**
   * A member that stays could not do it, so what it answered before may not become durable. A write
   * that was to be durable may have failed for its own sake: who asked for it knows.
   */
  private void doubt(Legs.Failure failure, Durable durable) {
    boolean refused =
        switch (DeviceException.kindOf(failure.cause())) {
          case NO_SPACE, INVALID, NOT_SUPPORTED -> true;
          default -> false;
        };
    if (durable == Durable.NOTHING || (durable == Durable.ITSELF && refused)) {
      return;
    }
    doubtful = true;
    if (durable == Durable.ITSELF) {
      return;
    }
    untold.set(
        "%s: a flush failed (%s)".formatted(failure.leg().member(), failure.cause().getMessage()));
  }

  /**
   * Returns when the operation is done on every receiving member and the loss of those that failed
   * is recorded, so that it may be acknowledged.
   *
   * @param range where it writes
   * @param failed called if no in-sync member could do it, before anything changes that waited for
   *     the operation to end
   */
  void acknowledgeable(
      SectorRange range, Durable durable, Runnable failed, Legs.LegOperation operation)
      throws IOException {
    Set<Member> done = new HashSet<>(4);
    while (attempt(range, durable, failed, operation, done) || membership.isUnsettled()) {
      membership.awaitSettled();
      if (suspended.isShared() && !range.isEmpty()) {
        done.clear(); // another node may have copied the old data over it meanwhile
      }
    }
  }

  /** As {@link #acknowledgeable}, but does not wait until losses are recorded. */
  void toReceivers(Legs.LegOperation operation) throws IOException {
    toReceivers(Durable.NOTHING, operation);
  }

  private void toReceivers(Durable durable, Legs.LegOperation operation) throws IOException {
    Set<Member> done = new HashSet<>(4);
    boolean again = true;
    while (again) {
      again = attempt(NOWHERE, durable, () -> {}, operation, done);
    }
  }

  /**
   * Tries the receiving members that have not done it.
   *
   * @return whether another attempt is needed
   */
  private boolean attempt(
      SectorRange range,
      Durable durable,
      Runnable failed,
      Legs.LegOperation operation,
      Set<Member> done)
      throws IOException {
    List<Legs.Failure> failures;
    boolean nowhere = false;
    enter(range);
    try {
      List<Leg> targets = targets(done);
      if (targets.isEmpty()) {
        return false;
      }
      failures = Legs.run(targets, operation, env.io());
      for (Leg leg : targets) {
        done.add(leg.member());
      }
      failures.forEach(failure -> done.remove(failure.leg().member()));
      if (!failures.isEmpty()) {
        nowhere = !isDoneSomewhere(done) && !restarted(failures);
        if (nowhere) {
          failed.run();
        }
      }
    } finally {
      suspended.exit(range);
      gate.exit();
    }
    if (failures.isEmpty()) {
      return false;
    }
    if (nowhere) {
      doubt(failures.getFirst(), durable);
      membership.allFailed();
      throw failures.getFirst().cause();
    }
    for (Legs.Failure failure : failures) {
      if (!lose(failure) && !restarted(List.of(failure))) {
        doubt(failure, durable);
      }
    }
    return true;
  }

  private boolean isDoneSomewhere(Set<Member> done) {
    return membership.current().inSync().stream()
        .map(Leg::member)
        .anyMatch(member -> done.contains(member) && !membership.isCondemned(member));
  }

  /** Waits for the gate or for a window with the pass of neither. */
  private void enter(SectorRange range) throws IOException {
    gate.enter();
    while (!suspended.tryEnter(range)) {
      gate.exit();
      suspended.awaitFree(range);
      gate.enter();
    }
  }

  private ImmutableList<Leg> targets(Set<Member> done) {
    ImmutableList<Leg> receiving = membership.current().receiving();
    if (done.isEmpty() && !membership.isUnsettled()) {
      return receiving;
    }
    return receiving.stream()
        .filter(leg -> !done.contains(leg.member()) && !membership.isCondemned(leg.member()))
        .collect(toImmutableList());
  }

  /**
   * Whether each failing member only asks to be told that its loss of unflushed writes is known.
   */
  private static boolean restarted(List<Legs.Failure> failures) {
    return failures.stream()
        .allMatch(f -> DeviceException.kindOf(f.cause()) == IoFailure.VOLATILE_LOSS);
  }

  /**
   * Stops using a member, or, if it is the last, tells its device that the loss is known.
   *
   * @return false if it is the last in-sync member, which stays
   */
  @CanIgnoreReturnValue
  boolean lose(Legs.Failure failure) {
    Member member = failure.leg().member();
    boolean restarted = DeviceException.kindOf(failure.cause()) == IoFailure.VOLATILE_LOSS;
    if (restarted) {
      events.accept(new ArrayEvent.UnflushedWritesLost(member.disk()));
    }
    boolean condemned = membership.condemn(member, Membership.stateAfter(failure));
    if (restarted && !condemned && member.device() instanceof VolatileDevice device) {
      untold.set("the storage of the last in-sync member was restarted");
      afterLoss.run();
      device.acknowledgeLoss();
    }
    return condemned;
  }
}
