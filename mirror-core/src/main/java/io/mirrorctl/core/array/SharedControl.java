package io.mirrorctl.core.array;

import static com.google.common.collect.ImmutableSet.toImmutableSet;

import io.mirrorctl.core.bitmap.WriteIntentBitmap;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.VolatileDevice;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntConsumer;
import java.util.function.Supplier;

/** Does what other nodes' messages ask of an array. */
final class SharedControl implements ArrayControl {
  private final Membership membership;
  private final IoGate gate;
  private final SuspendList suspended;
  private final Superblocks superblocks;
  private final SlotStorage storage;
  private final Supplier<WriteIntentBitmap> bitmap;
  private final IntConsumer adopted;
  private final Runnable copyDue;

  /**
   * @param adopted told a slot whose node is dead and forgotten
   * @param copyDue called when there may be something to copy
   */
  SharedControl(
      Membership membership,
      IoGate gate,
      SuspendList suspended,
      Superblocks superblocks,
      SlotStorage storage,
      Supplier<WriteIntentBitmap> bitmap,
      IntConsumer adopted,
      Runnable copyDue) {
    this.membership = membership;
    this.gate = gate;
    this.suspended = suspended;
    this.superblocks = superblocks;
    this.storage = storage;
    this.bitmap = bitmap;
    this.adopted = adopted;
    this.copyDue = copyDue;
  }

  @Override
  public void reach(int number) throws IOException {
    Member member = leg(number).member();
    member.checkNoPagesOut();
    read(member);
  }

  private Leg leg(int number) throws ArrayException {
    return membership.current().legs().stream()
        .filter(leg -> leg.member().devNumber() == number)
        .findFirst()
        .orElseThrow(
            () -> ArrayException.failed("member %d is not attached here".formatted(number)));
  }

  private static void read(Member member) throws IOException {
    if (!Candidate.read(member.device()).superblock().deviceUuid().equals(member.uuid())) {
      throw ArrayException.failed(member + " is another disk here");
    }
  }

  @Override
  public void probe(int number) throws IOException {
    Leg leg = leg(number);
    if (!leg.receives()) {
      throw ArrayException.failed(leg.member() + " has failed");
    }
    Member member = leg.member();
    if (member.device() instanceof VolatileDevice device && !device.isConnected()) {
      throw new DeviceException(IoFailure.GONE, member + ": there is no connection");
    }
    try {
      member.exclusively(() -> {
        read(member);
        storage.writeFirstPage(member, bitmap.get());
      });
    } catch (DeviceException e) {
      if (e.failure() != IoFailure.VOLATILE_LOSS) { // that says nothing against the way to it
        throw e;
      }
    }
  }

  @Override
  public Set<Integer> receiving() {
    Set<Integer> failed = membership.confirmedNumbers();
    return membership.current().receiving().stream()
        .map(leg -> leg.member().devNumber())
        .filter(number -> !failed.contains(number))
        .collect(toImmutableSet());
  }

  @Override
  public Set<Integer> hold(Set<Integer> failing) {
    membership.condemnNumbers(failing);
    gate.hold();
    Set<Integer> further = new HashSet<>(membership.confirmedNumbers());
    further.removeAll(failing);
    return further;
  }

  @Override
  public void settle(long events) throws IOException {
    Settlement settlement = Settlement.read(membership.current());
    if (settlement.events() < events) {
      throw ArrayException.failed(
          "another node wrote superblocks with events %d, here they show %d: these are not the same disks"
              .formatted(events, settlement.events()));
    }
    goBy(settlement, settlement.set());
  }

  /** Every node has its slot on a member that begins to receive before I/O goes to it. */
  private void goBy(Settlement settlement, MemberSet next) throws IOException {
    MemberSet before = membership.current();
    settlement.takeOver();
    for (Leg leg : next.receivingFirst(before)) {
      storage.introduce(leg.member(), bitmap.get(), Optional.empty());
    }
    membership.adopt(next);
  }

  @Override
  public void resume() {
    gate.resume();
    membership.settleLeftOver();
  }

  @Override
  public ClusterPort.Committed agree() throws IOException {
    Settlement settlement = Settlement.read(membership.current());
    MemberSet next = settlement.undecided();
    superblocks.resyncOffset(settlement.resyncOffset());
    goBy(settlement, next);
    return membership.rewrite();
  }

  @Override
  public void suspend(int slot, List<SectorRange> windows) {
    suspended.suspend(slot, windows);
    if (windows.isEmpty()) {
      copyDue.run();
    }
  }

  @Override
  public void adopt(int slot) throws IOException {
    WriteIntentBitmap own = bitmap.get();
    storage.load(slot, own);
    own.rewriteAll();
    storage.clear(slot, own.header());
    adopted.accept(slot);
    copyDue.run();
  }

  @Override
  public void rewrite(int writer) throws IOException {
    bitmap.get().rewriteAll();
    if (writer != storage.slot()) {
      return;
    }
    for (Legs.Failure failure : superblocks.write(membership.current())) {
      boolean _ = membership.condemn(failure.leg().member(), Membership.stateAfter(failure));
    }
  }

  @Override
  public void halt(String reason) {
    gate.fail(reason);
    suspended.fail(reason);
  }
}
