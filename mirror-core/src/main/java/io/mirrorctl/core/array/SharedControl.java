package io.mirrorctl.core.array;

import static com.google.common.collect.ImmutableSet.toImmutableSet;

import io.mirrorctl.core.bitmap.WriteIntentBitmap;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.VolatileDevice;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
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
  private final Proposed proposed;
  private final int unit;
  private final Consumer<Member> letGo;
  private final IntConsumer adopted;
  private final Runnable copyDue;

  /**
   * @param unit bytes of the array's smallest request
   * @param letGo told members that are none any more
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
      Proposed proposed,
      int unit,
      Consumer<Member> letGo,
      IntConsumer adopted,
      Runnable copyDue) {
    this.membership = membership;
    this.gate = gate;
    this.suspended = suspended;
    this.superblocks = superblocks;
    this.storage = storage;
    this.bitmap = bitmap;
    this.proposed = proposed;
    this.unit = unit;
    this.letGo = letGo;
    this.adopted = adopted;
    this.copyDue = copyDue;
  }

  @Override
  public boolean reach(int number, UUID device) throws IOException {
    Optional<Leg> leg =
        membership.current().legs().stream()
            .filter(one -> one.member().uuid().equals(device))
            .findFirst();
    if (leg.isEmpty()) {
      return proposed.has(number, device);
    }
    Member member = leg.get().member();
    if (leg.get().isFaulty() && Announced.isAnnouncement(member.superblock())) {
      member.superblock(member.superblock().toBuilder().devNumber(number).build());
    }
    if (member.devNumber() != number) {
      throw ArrayException.failed(
          "%s is member %d here, not %d".formatted(member, member.devNumber(), number));
    }
    member.checkNoPagesOut();
    read(member);
    return true;
  }

  @Override
  public void attach(int number, UUID device, BlockDevice disk) throws IOException {
    proposed.attach(number, device, disk, membership.current(), unit);
  }

  @Override
  public void letGo(int number) throws IOException {
    Optional<Leg> leg =
        membership.current().legs().stream()
            .filter(one -> one.member().devNumber() == number)
            .findFirst();
    if (leg.filter(Leg::receives).isPresent()) {
      throw ArrayException.failed(leg.get().member() + " is in use here");
    }
    proposed.leave(number);
  }

  @Override
  public void withdraw() {
    proposed.withdrawn();
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
    Settlement settlement = Settlement.read(membership.current(), proposed);
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
    before.legs().stream()
        .map(Leg::member)
        .filter(member -> next.find(member).isEmpty())
        .forEach(letGo);
  }

  @Override
  public void resume() {
    gate.resume();
    membership.settleLeftOver();
  }

  @Override
  public ClusterPort.Committed agree() throws IOException {
    Settlement settlement = Settlement.read(membership.current(), proposed);
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
    storage.keepEventsCleared(own);
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
