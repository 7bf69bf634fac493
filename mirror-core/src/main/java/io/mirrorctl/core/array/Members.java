package io.mirrorctl.core.array;

import static java.util.stream.Collectors.toSet;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.bitmap.WriteIntentBitmap;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapArea;
import io.mirrorctl.core.format.BitmapGeometry;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.ForeignData;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Disk management of one array: add, fail, remove, re-add, replace, grow. Disks are named as in
 * {@link BlockDevice#name}. Each call returns when the change is durable; recovery goes on after
 * it.
 *
 * <p>Threading: any thread; one call at a time goes on, others wait. Failure: {@link
 * ArrayException}; nothing was changed then.
 */
public final class Members {
  private static final System.Logger LOG = System.getLogger(Members.class.getName());
  private static final int MAX_MEMBERS = 8;

  private final Membership membership;
  private final MirrorArray array;
  private final NewMember newMember;
  private final Env env;

  Members(Membership membership, MirrorArray array, Env env) {
    this.membership = membership;
    this.array = array;
    this.newMember = new NewMember(array, env);
    this.env = env;
  }

  /** Looks whether a change would be refused, without making it. */
  public DryRun dryRun() {
    return new DryRun(this, newMember, membership, array);
  }

  /** Stops using a member. The last in-sync member is refused. */
  public synchronized void fail(String disk) throws IOException {
    array.checkWritable();
    Leg leg = find(disk);
    if (leg.isFaulty()) {
      return;
    }
    array.change(set -> {
      Leg now = set.find(leg.member()).orElse(leg);
      if (now.isInSync() && set.inSync().size() == 1) {
        throw ArrayException.refused(
            disk + " is the last in-sync member; without it the array has no data");
      }
      return set.with(leg.member(), l -> l.with(new MemberState.Faulty("failed by the operator")));
    });
  }

  /** Lets go of a faulty member or a spare, on every node; its device is closed. */
  public synchronized void remove(String disk) throws IOException {
    array.checkWritable();
    Leg leg = find(disk);
    array.change(set -> without(set, leg));
    if (leg.member().isWritingPages()) {
      array.letGo(leg.member()); // what hangs there must not hang whoever asks
    } else {
      leg.member().close();
    }
  }

  static MemberSet without(MemberSet set, Leg leg) throws ArrayException {
    if (set.find(leg.member()).orElse(leg).receives()) {
      throw ArrayException.failed(
          leg.member().disk() + " is in use (" + leg.state().word() + "); fail it first");
    }
    return set.minus(leg.member());
  }

  /**
   * Adds a disk: as a member where a role is vacant, else as a spare. A former member of the array
   * is re-added. The device belongs to the array from then on; if this fails it is still the
   * caller's.
   *
   * @param force also if the disk holds other data, which is lost
   */
  public void add(BlockDevice device, boolean force) throws IOException {
    add(device, force, Patience.limited(env));
  }

  /**
   * The same.
   *
   * @param patience asked when a node that has the array in use does not find the disk
   */
  public void add(BlockDevice device, boolean force, Patience patience) throws IOException {
    Optional<Candidate> former = formerMember(device);
    if (former.isPresent() && !force) {
      reAdd(device, patience);
      return;
    }
    takeIn(
        device,
        force,
        patience,
        (set, member) -> set.plus(new Leg(member, -1, new MemberState.Spare())));
  }

  /** Takes a faulty member of this array back. */
  public synchronized void reAdd(String disk) throws IOException {
    array.checkWritable();
    Leg leg = findFaulty(disk);
    array.change(returning(Candidate.read(leg.member().device()), leg.member()));
  }

  /**
   * Takes a disk back that was a member before; the device belongs to the array from then on. Only
   * what changed since is copied, if the bitmap still knows it, else everything.
   */
  public void reAdd(BlockDevice device) throws IOException {
    reAdd(device, Patience.limited(env));
  }

  /**
   * The same.
   *
   * @param patience asked when a node that has the array in use does not find the disk
   */
  public void reAdd(BlockDevice device, Patience patience) throws IOException {
    asking(
        patience,
        () -> {
          array.checkWritable();
          checkUnknown(device);
          array.change(
              returning(
                  formerMember(device)
                      .orElseThrow(() ->
                          ArrayException.failed(
                              device.name() + " was never a member of this array; use add")),
                  null));
        });
  }

  /** Fills a new disk from the others while the old member stays in use, then takes it over. */
  public void replace(String oldDisk, BlockDevice device, boolean force) throws IOException {
    replace(oldDisk, device, force, Patience.limited(env));
  }

  /**
   * The same.
   *
   * @param patience asked when a node that has the array in use does not find the disk
   */
  public void replace(String oldDisk, BlockDevice device, boolean force, Patience patience)
      throws IOException {
    Leg old = find(oldDisk);
    checkReplaceable(old, oldDisk);
    takeIn(
        device,
        force,
        patience,
        (set, member) ->
            replacing(set.plus(new Leg(member, -1, new MemberState.Spare())), old, member));
  }

  /** The set with a new member in it. */
  private interface Place {
    MemberSet of(MemberSet set, Member member) throws IOException;
  }

  private void takeIn(BlockDevice device, boolean force, Patience patience, Place place)
      throws IOException {
    array.checkWritable();
    checkUnknown(device);
    newMember.check(device, force);
    var prepared = new AtomicReference<Announced>();
    array.exclusively(() -> prepared.set(newMember.prepare(device, force)));
    Announced announced = prepared.get();
    boolean in = false;
    try {
      asking(
          patience,
          () -> {
            var fits = new AtomicBoolean();
            array.change(set -> {
              if (!fits.get()) { // first with nothing held, then nobody else can change it
                var _ = newMember.fit(announced, set);
                fits.set(true);
              }
              return place.of(set, announced.member());
            });
          });
      in = true;
    } finally {
      if (!in) {
        takeBack(announced);
      }
    }
  }

  private void takeBack(Announced announced) {
    try {
      array.exclusively(() -> {
        if (membership.current().find(announced.member()).isEmpty()) {
          announced.takeBack();
        }
      });
    } catch (IOException e) {
      LOG.log(
          Level.WARNING,
          "{0} goes on telling that it is being added to the array, which it is not: {1}",
          announced.member(),
          e.getMessage());
    }
  }

  /** Makes a change, again and again while a node does not find the disk it is about. */
  private void asking(Patience patience, ClusterPort.Work change) throws IOException {
    boolean made = false;
    while (!made) {
      try {
        synchronized (this) {
          change.run();
        }
        made = true;
      } catch (RefusedElsewhere e) {
        if (!e.isUnseen()) {
          throw e;
        }
        patience.await(e);
      }
    }
  }

  /** As {@link #replace(String, BlockDevice, boolean)}, with a spare the array has already. */
  public synchronized void replaceWithSpare(String oldDisk, String spare) throws IOException {
    array.checkWritable();
    Leg old = find(oldDisk);
    checkReplaceable(old, oldDisk);
    Leg with = find(spare);
    array.change(set -> replacing(set, old, with.member()));
  }

  static void checkReplaceable(Leg old, String disk) throws ArrayException {
    if (!old.isInSync()) {
      throw ArrayException.failed(
          disk
              + " is "
              + old.state().word()
              + "; only an in-sync member can be replaced, else add");
    }
  }

  static MemberSet replacing(MemberSet set, Leg old, Member with) throws ArrayException {
    Leg now =
        set.find(old.member())
            .orElseThrow(
                () -> ArrayException.failed(old.member() + " is not in the array any more"));
    checkNotBeingReplaced(set, now);
    Leg spare = set.find(with).orElse(null);
    if (spare == null || !(spare.state() instanceof MemberState.Spare)) {
      throw ArrayException.failed(with + " is not a spare");
    }
    return set.with(
        with, _ -> new Leg(with, now.role(), new MemberState.Recovering(0, false, true)));
  }

  static void checkNotBeingReplaced(MemberSet set, Leg old) throws ArrayException {
    boolean taken =
        set.receiving().stream().anyMatch(leg -> leg.role() == old.role() && leg.isRecovering());
    if (!old.isInSync() || taken) {
      throw ArrayException.failed(old.member() + " is being replaced already or no longer in sync");
    }
  }

  /** Sets how many members the array is to have; spares take new roles. */
  public synchronized void growMembers(int count) throws IOException {
    array.checkWritable();
    checkCount(count);
    array.change(set -> withRaidDisks(set, count));
  }

  static void checkCount(int count) throws ArrayException {
    if (count < 1 || count > MAX_MEMBERS) {
      throw ArrayException.failed("an array has 1 to %d members".formatted(MAX_MEMBERS));
    }
  }

  static MemberSet withRaidDisks(MemberSet set, int count) throws ArrayException {
    if (count >= set.raidDisks()) {
      return set.withRaidDisks(count);
    }
    if (set.receiving().stream().map(Leg::role).distinct().count() < set.receiving().size()) {
      throw ArrayException.failed("a member is being replaced; wait until that is done");
    }
    List<Leg> active = set.receiving().stream().sorted(Comparator.comparingInt(Leg::role)).toList();
    if (active.size() > count) {
      throw ArrayException.failed(
          "%d members are in use; fail and remove %d first"
              .formatted(active.size(), active.size() - count));
    }
    ImmutableList<Leg> moved =
        set.legs().stream()
            .map(leg ->
                leg.receives() ? new Leg(leg.member(), active.indexOf(leg), leg.state()) : leg)
            .collect(ImmutableList.toImmutableList());
    return new MemberSet(moved, count, set.sizeSectors(), set.events());
  }

  /** The largest size the members allow, in sectors; devices that have grown are measured again. */
  public long largestSize() throws IOException {
    long largest = Long.MAX_VALUE;
    for (Leg leg : membership.current().legs()) {
      if (!leg.isFaulty()) {
        long device = leg.member().device().remeasure() / SectorRange.SECTOR_BYTES;
        largest = Math.min(largest, device - leg.member().superblock().dataOffset());
      }
    }
    long step = Math.max(2, array.unit() / SectorRange.SECTOR_BYTES);
    return largest / step * step;
  }

  /**
   * Sets the array's size.
   *
   * @param sectors at most {@link #largestSize}
   * @param force also if it gets smaller, which loses what lies behind
   */
  public synchronized void growSize(long sectors, boolean force) throws IOException {
    array.checkWritable();
    MemberSet set = membership.current();
    BitmapGeometry next = checkSize(set, sectors, force);
    WriteIntentBitmap bitmap = array.bitmap();
    try (var _ = array.sync().hold()) {
      if (sectors >= set.sizeSectors()) {
        array.storage().geometry(next);
        bitmap.resize(next);
        array.change(now -> now.withSize(sectors));
      } else {
        shrink(bitmap, next);
      }
    }
  }

  /** Refuses a size that the array cannot have; returns what its bitmap would be like. */
  BitmapGeometry checkSize(MemberSet set, long sectors, boolean force) throws IOException {
    if (array.isShared()) {
      throw ArrayException.failed(
          "another size of an array that several nodes have in use is not possible in this release");
    }
    long largest = largestSize();
    if (sectors > largest) {
      throw ArrayException.failed(
          "%d sectors do not fit: the smallest member has room for %d".formatted(sectors, largest));
    }
    if (sectors < set.sizeSectors() && !force) {
      throw ArrayException.refused(
          "the array has %d sectors; making it smaller loses what lies behind sector %d; --force does it"
              .formatted(set.sizeSectors(), sectors));
    }
    if (sectors < 1) {
      throw ArrayException.failed("a size of %d sectors".formatted(sectors));
    }
    BitmapGeometry next = new BitmapGeometry(sectors, array.bitmap().geometry().chunkBytes());
    checkBitmapFits(set, next);
    return next;
  }

  /** No write is under way behind the new end, and none that waits gets there any more. */
  private void shrink(WriteIntentBitmap bitmap, BitmapGeometry next) throws IOException {
    long sectors = next.syncSizeSectors();
    try (var _ = array.ranges().acquire(new SectorRange(sectors, Long.MAX_VALUE))) {
      array.change(now -> now.withSize(sectors));
      bitmap.resize(next);
      array.storage().geometry(next);
    }
  }

  private void checkBitmapFits(MemberSet set, BitmapGeometry next) throws ArrayException {
    if (!next.isSupported()) {
      throw ArrayException.failed(
          "a bitmap of %d chunks is not supported; recreate it with a larger chunk (now %d bytes)"
              .formatted(next.chunks(), next.chunkBytes()));
    }
    if (array.kind() == BitmapKind.NONE) {
      return;
    }
    boolean sameStride = next.strideBytes() == array.bitmap().geometry().strideBytes();
    for (Leg leg : set.legs()) {
      Superblock own = leg.member().superblock();
      BitmapArea area = SlotStorage.area(own, next, 1);
      long limit =
          own.bblogSize() > 0 && own.superOffset() + own.bblogOffset() > area.startSector()
              ? own.superOffset() + own.bblogOffset()
              : own.dataOffset();
      boolean fits =
          array.kind() == BitmapKind.CLUSTERED ? sameStride : area.range().end() <= limit;
      if (!fits && !sameStride) {
        throw ArrayException.failed(
            ("the bitmap of %d chunks does not fit before the data of %s; recreate it with a larger"
                    + " chunk (now %d bytes)")
                .formatted(next.chunks(), leg.member().disk(), next.chunkBytes()));
      }
    }
  }

  /**
   * How a disk comes back. Whether the bitmap knows what it missed is looked at when nobody else
   * can change the set any more: with its role vacant no bit is cleared.
   */
  private Membership.Step returning(Candidate candidate, Member attached) throws IOException {
    int role = checkReturn(candidate, attached);
    Member member = newMember.returning(candidate, attached, newMember.isKnownToBitmap(candidate));
    var known = new AtomicReference<Boolean>();
    return now -> {
      boolean vacant =
          vacantRole(now, role) == role
              && (!array.isShared() || vacantRole(membership.current(), role) == role);
      if (!vacant) {
        throw ArrayException.failed("role " + role + " was taken meanwhile");
      }
      if (now.legs().stream()
          .anyMatch(
              leg -> leg.member() != attached && leg.member().devNumber() == member.devNumber())) {
        throw ArrayException.failed(
            "number %d was given to another disk meanwhile; try again"
                .formatted(member.devNumber()));
      }
      if (array.isShared() && !isAsBefore(candidate)) {
        throw ArrayException.failed(candidate.disk() + " was changed by another node meanwhile");
      }
      if (known.get() == null) {
        known.set(newMember.isKnownToBitmap(candidate));
      }
      MemberSet without = attached == null ? now : now.minus(attached);
      return without.plus(new Leg(member, role, new MemberState.Recovering(0, known.get(), false)));
    };
  }

  /** Refuses a disk that cannot come back; returns the role it would have. */
  int checkReturn(Candidate candidate, Member attached) throws ArrayException {
    Superblock own = candidate.superblock();
    MemberSet set = membership.current();
    Set<Integer> roles = set.inSync().stream().map(Leg::role).collect(toSet());
    boolean leftByThisArray = attached != null && attached.superblock().events() == own.events();
    if (!leftByThisArray
        && (own.events() > set.events() || AssemblyPlan.wentOnWithout(own, roles))) {
      throw ArrayException.refused(
          candidate.disk()
              + " went on without this array's members and may hold newer data; zero-superblock it"
              + " and add it if that data is not wanted");
    }
    int role = vacantRole(set, own.role());
    if (role < 0) {
      throw ArrayException.failed(
          candidate.disk() + ": no role is vacant; zero-superblock it and add it as a spare");
    }
    return role;
  }

  private static boolean isAsBefore(Candidate candidate) throws IOException {
    Superblock before = candidate.superblock();
    Superblock now = Candidate.read(candidate.device()).superblock();
    return now.events() == before.events()
        && now.setUuid().equals(before.setUuid())
        && now.deviceUuid().equals(before.deviceUuid());
  }

  /** The wanted role if nobody fills it, else the first that nobody fills; -1 if there is none. */
  private static int vacantRole(MemberSet set, int wanted) {
    boolean[] taken = new boolean[set.raidDisks()];
    set.receiving().forEach(leg -> taken[leg.role()] = true);
    if (wanted >= 0 && wanted < taken.length && !taken[wanted]) {
      return wanted;
    }
    for (int role = 0; role < taken.length; role++) {
      if (!taken[role]) {
        return role;
      }
    }
    return -1;
  }

  Optional<Candidate> formerMember(BlockDevice device) throws IOException {
    if (ForeignData.find(device).isEmpty()) {
      return Optional.empty();
    }
    Candidate candidate;
    try {
      candidate = Candidate.read(device);
    } catch (ArrayException notAMember) {
      return Optional.empty();
    }
    boolean ours =
        candidate.superblock().setUuid().equals(anySuperblock().setUuid())
            && candidate.superblock().isActive();
    return ours ? Optional.of(candidate) : Optional.empty();
  }

  private Superblock anySuperblock() {
    return membership.current().inSync().getFirst().member().superblock();
  }

  void checkUnknown(BlockDevice device) throws ArrayException {
    if (membership.current().legs().stream()
        .anyMatch(leg -> leg.member().disk().equals(device.name()))) {
      throw ArrayException.failed(device.name() + " is in the array already");
    }
  }

  /** A member that can be taken back. */
  Leg findFaulty(String disk) throws ArrayException {
    Leg leg = find(disk);
    if (!leg.isFaulty()) {
      throw ArrayException.failed(disk + " is " + leg.state().word() + ", not faulty");
    }
    leg.member().checkNoPagesOut();
    return leg;
  }

  Leg find(String disk) throws ArrayException {
    return membership.current().legs().stream()
        .filter(leg -> leg.member().disk().equals(disk))
        .findFirst()
        .orElseThrow(() ->
            ArrayException.failed(
                "%s is not in array %s, which has %s"
                    .formatted(
                        disk,
                        array.name(),
                        membership.current().legs().stream()
                            .map(leg -> leg.member().disk())
                            .toList())));
  }
}
