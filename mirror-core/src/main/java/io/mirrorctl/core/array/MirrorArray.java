package io.mirrorctl.core.array;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.mirrorctl.core.bitmap.WriteIntentBitmap;
import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.ClaimArea;
import io.mirrorctl.core.format.Feature;
import io.mirrorctl.core.format.Superblock;
import java.io.Closeable;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;

/**
 * An assembled RAID1 array on this node.
 *
 * <p>A conductor: the data path is {@link ArrayData}, changes of the member set go through {@link
 * Membership}, disk management is {@link Members}, what is to be copied between members is told by
 * {@link SyncWork}, and done by the resync package.
 *
 * <p>Threading: any thread. Failure: errors of single members are dealt with inside; an exception
 * means that the request was not carried out, or, for writes, that nothing is known about it.
 */
public final class MirrorArray implements Closeable {
  private static final System.Logger LOG = System.getLogger(MirrorArray.class.getName());

  private final String name;
  private final BitmapKind kind;
  private final ArrayOptions options;
  private final ClusterPort cluster;
  private final IoGate gate;
  private final RangeLock ranges = new RangeLock();
  private final SuspendList suspended;
  private final Superblocks superblocks;
  private final Membership membership;
  private final MemberWrites writes;
  private final SlotStorage storage;
  private final ArrayData data;
  private final Members members;
  private final SyncWork sync;
  private final Scrubbing scrubbing;
  private final BitmapDaemon daemon;
  private final Optional<Claims> claims;
  private final Proposed proposed = new Proposed();
  private final Executor io;
  private final List<ArrayEvent.Listener> listeners = new CopyOnWriteArrayList<>();
  private volatile ImmutableList<String> notices;
  private final int unit;
  private volatile WriteIntentBitmap bitmap;
  private boolean closed;

  MirrorArray(String name, Assembly assembly, ArrayOptions options, ClusterPort cluster, Env env) {
    this.name = name;
    this.options = cluster.isShared() ? options.withReadPolicy(ReadPolicy.CLUSTERED) : options;
    this.cluster = cluster;
    this.io = env.io();
    this.gate = new IoGate(env.ticker());
    this.suspended = new SuspendList(cluster.isShared(), env.ticker());
    this.kind = assembly.kind();
    this.notices = assembly.plan().notices();
    this.unit = assembly.unit();
    this.superblocks = new Superblocks(kind, env);
    superblocks.resyncOffset(assembly.plan().freshest().resyncOffset());
    AlignedBuffers buffers = AlignedBuffers.shared();
    this.membership =
        new Membership(assembly.members(), gate, cluster, new Switch(), !options.readOnly(), env);
    this.writes =
        new MemberWrites(
            membership, gate, suspended, env, this::happened, () -> bitmap().markDirtyNeeded());
    this.storage =
        new SlotStorage(
            writes,
            membership,
            cluster.slot(),
            assembly.geometry(),
            kind == BitmapKind.NONE || options.readOnly());
    this.bitmap = new WriteIntentBitmap(assembly.geometry(), assembly.header(), storage, env);
    ReadRepair repair =
        new ReadRepair(
            membership,
            gate,
            ranges,
            writes,
            cluster,
            this::bitmap,
            buffers,
            this.options,
            this::happened);
    this.data =
        new ArrayData(
            membership,
            gate,
            ranges,
            writes,
            repair,
            this::bitmap,
            this.options.readPolicy(),
            buffers,
            unit,
            this::happened,
            this::copyDue);
    RangeCopy copy =
        new RangeCopy(
            membership, gate, ranges, writes, repair, this.options.readPolicy(), buffers, env.io());
    this.scrubbing =
        new Scrubbing(
            membership,
            gate,
            ranges,
            writes,
            repair,
            this.options.readPolicy(),
            this::bitmap,
            buffers,
            env.io(),
            unit);
    this.sync = new SyncWork(membership, writes, copy, storage, this::bitmap, cluster, unit);
    this.members = new Members(membership, this, env);
    this.daemon = new BitmapDaemon(this::bitmap, env);
    this.claims = claims(assembly, env);
  }

  private Optional<Claims> claims(Assembly assembly, Env env) {
    if (kind != BitmapKind.CLUSTERED || options.readOnly()) {
      return Optional.empty();
    }
    Optional<ClusterPort.Claimant> claimant =
        cluster.isShared()
            ? cluster.claimant()
            : options.claimedBy().map(name -> new LoneClaimant(name, env, this::overruled));
    return claimant.map(of ->
        new Claims(
            () -> membership.current().legs(),
            this::claimArea,
            assembly.identity().uuid(),
            cluster.slot(),
            of,
            env));
  }

  private Optional<ClaimArea> claimArea(Member member) {
    Superblock own = member.superblock();
    int slots = bitmap.header().slots();
    return own.has(Feature.BITMAP_OFFSET)
        ? ClaimArea.of(own, SlotStorage.area(own, bitmap.geometry(), slots))
        : Optional.empty();
  }

  /** Only one that no cluster tells to halt. */
  private void overruled(String reason) {
    control().halt(reason);
    happened(new ArrayEvent.Overruled(reason));
  }

  /**
   * Assembles an array from these disks and takes it into use.
   *
   * @param devices open, with the access the options ask for; closed here if this fails
   */
  public static MirrorArray assemble(
      String name,
      List<? extends BlockDevice> devices,
      ArrayOptions options,
      ClusterPort cluster,
      Env env)
      throws IOException {
    try {
      Assembly assembly = Assembly.read(devices, options, cluster);
      MirrorArray array = new MirrorArray(name, assembly, options, cluster, env);
      array.start(assembly);
      return array;
    } catch (IOException | RuntimeException | Error e) {
      Assembly.closeAll(devices, e);
      throw e;
    }
  }

  private void start(Assembly assembly) throws IOException {
    for (Candidate left : assembly.plan().superseded()) {
      left.device().close();
    }
    assembly.loadBits(bitmap);
    if (options.readOnly()) {
      return;
    }
    if (claims.isPresent()) {
      boolean alone = cluster.otherSlots().isEmpty();
      List<String> told = claims.get().take(alone, options.force());
      notices = ImmutableList.<String>builder().addAll(notices).addAll(told).build();
    }
    boolean begun = false;
    try {
      begin(assembly);
      begun = true;
    } finally {
      if (!begun) {
        daemon.close();
        claims.ifPresent(Claims::release);
      }
    }
  }

  private void begin(Assembly assembly) throws IOException {
    boolean saysWritten = assembly.plan().freshest().resyncOffset() == 0;
    superblocks.resyncOffset(0);
    if (cluster.otherSlots().isEmpty() || !saysWritten) {
      membership.change(set -> set);
    }
    Optional<LateEffects> late = cluster.late();
    if (late.filter(LateEffects::metadata).isPresent()) {
      long events = membership.current().events(); // nobody can say what was cleared below
      bitmap.updateHeader(header ->
          header.toBuilder().eventsCleared(Math.max(events, header.eventsCleared())).build());
    }
    bitmap.rewriteAll();
    if (late.isPresent()) {
      markLate(late.get());
    }
    if (assembly.isBitmapLost()) {
      bitmap.updateHeader(header -> header.toBuilder().state(0).build());
    }
    assembly.clearAdoptedSlots(writes, cluster.slot());
    if (!cluster.isShared()) {
      storage.ownAllSlots();
    }
    daemon.start();
    claims.ifPresent(Claims::begin);
  }

  /**
   * The first bits that this node sets: where its late writes may have left members different, or
   * everywhere if one may have hit a slot, whose owner may have changed since.
   */
  private void markLate(LateEffects late) throws IOException {
    List<SectorRange> needed =
        late.metadata()
            ? List.of(new SectorRange(0, membership.current().sizeSectors()))
            : late.data();
    for (SectorRange range : needed) {
      bitmap.markNeeded(range);
    }
  }

  /** What the cluster asks of this array. */
  public ArrayControl control() {
    return new SharedControl(
        membership,
        gate,
        suspended,
        superblocks,
        storage,
        this::bitmap,
        proposed,
        unit,
        this::letGo,
        this::adopted,
        () -> sync().wake());
  }

  /** As soon as nothing is on its way to it. */
  void letGo(Member member) {
    io.execute(() -> {
      try {
        member.close();
      } catch (IOException e) {
        LOG.log(Level.INFO, "closing {0}: {1}", member, e.getMessage());
      }
    });
  }

  private void adopted(int slot) {
    claims.ifPresent(of -> of.adopted(slot));
  }

  /** The name under which this node knows the array. */
  public String name() {
    return name;
  }

  /** What assembly found worth saying, for example which disks are stale. */
  public ImmutableList<String> notices() {
    return notices;
  }

  /** The array as its clients see it; closing it does nothing. */
  public BlockDevice device() {
    return new ArrayDevice(name, data, cluster.isShared() ? unit : 1, unit, options.readOnly());
  }

  /** Adding, failing, removing, replacing and re-adding members; size. */
  public Members members() {
    return members;
  }

  /** What has to be copied between members. */
  public SyncWork sync() {
    return sync;
  }

  /** Comparing members. */
  public Scrubbing scrubbing() {
    return scrubbing;
  }

  public boolean isReadOnly() {
    return options.readOnly();
  }

  /** Tells this listener of all that happens from now on. */
  public void listen(ArrayEvent.Listener listener) {
    listeners.add(listener);
  }

  /** Tells the listeners. */
  public void happened(ArrayEvent event) {
    listeners.forEach(listener -> listener.happened(event));
  }

  /** How many requests clients have made since assembly. */
  public long clientRequests() {
    return data.requests();
  }

  /** What requests wait for at this moment, or would; empty if nothing is in their way. */
  public List<ArrayWait> waits() {
    List<ArrayWait> waits = new ArrayList<>();
    gate.held().ifPresent(waits::add);
    waits.addAll(suspended.waits());
    membership.unrecorded().ifPresent(waits::add);
    bitmap
        .pagesUnderWay()
        .map(pages -> new ArrayWait.PagesUnderWay(pages.waiting(), pages.millis()))
        .ifPresent(waits::add);
    return List.copyOf(waits);
  }

  WriteIntentBitmap bitmap() {
    return bitmap;
  }

  MemberSet memberSet() {
    return membership.current();
  }

  BitmapKind kind() {
    return kind;
  }

  int unit() {
    return unit;
  }

  SlotStorage storage() {
    return storage;
  }

  RangeLock ranges() {
    return ranges;
  }

  private void copyDue() {
    sync.wake();
  }

  /** The array as it is now. */
  public ArrayStatus status() {
    MemberSet set = membership.current();
    Superblock any = set.legs().getFirst().member().superblock();
    return new ArrayStatus(
        any.setUuid(),
        any.setName(),
        set.sizeSectors(),
        set.events(),
        set.raidDisks(),
        options.readOnly(),
        set.isDegraded(),
        kind,
        kind == BitmapKind.NONE ? 0 : bitmap.geometry().chunkBytes(),
        kind == BitmapKind.CLUSTERED ? bitmap.header().nodes() : kind == BitmapKind.NONE ? 0 : 1,
        cluster.slot(),
        bitmap.dirtyChunks(),
        bitmap.neededChunks(),
        set.legs().stream().map(MirrorArray::status).collect(toImmutableList()));
  }

  private static ArrayStatus.MemberStatus status(Leg leg) {
    Member member = leg.member();
    return new ArrayStatus.MemberStatus(
        member.disk(),
        member.devNumber(),
        leg.role(),
        leg.state(),
        member.readErrors().get(),
        member.isWriteMostly(),
        member.uuid());
  }

  /**
   * Clears the bits of chunks that are idle and equal on all members, instead of waiting for it.
   */
  public void clearIdleBits() throws IOException {
    bitmap.flushClean();
  }

  /**
   * Stops the array: writes in flight end, clean chunks lose their bits, the superblocks say clean
   * if all members are equal. Whoever copies data must have stopped before. An interrupt is kept
   * for later.
   */
  @Override
  public synchronized void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    boolean interrupted = Thread.interrupted();
    daemon.close();
    try {
      if (!options.readOnly() && claims.filter(Claims::isOverruled).isEmpty()) {
        stopCleanly();
      }
    } finally {
      gate.close();
      proposed.close();
      claims.ifPresent(Claims::release);
      happened(new ArrayEvent.Stopped());
      try {
        closeDevices();
      } finally {
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
      }
    }
  }

  private void stopCleanly() throws IOException {
    membership.end();
    data.refuseWrites();
    writes.flushReceivers();
    membership.awaitSettled();
    bitmap.flushClean();
    if (cluster.isShared()) {
      membership.change(this::asLastLeft, () -> !cluster.otherSlots().isEmpty());
    } else {
      superblocks.resyncOffset(offsetAtStop());
      membership.change(set -> set);
    }
  }

  /** A node that comes in between says again that the array may be written (decision D12). */
  private MemberSet asLastLeft(MemberSet set) {
    superblocks.resyncOffset(cluster.deaths() < 0 ? 0 : offsetAtStop());
    return set;
  }

  /** Clean, or from where a resync has to begin (decision D12). */
  private long offsetAtStop() {
    if (writes.isDoubtful()) {
      return 0;
    }
    OptionalLong needed = bitmap.nextNeeded(0);
    return switch (kind) {
      case CLUSTERED ->
          bitmap.dirtyChunks() == 0 && membership.current().isComplete()
              ? Superblock.MAX_SECTOR
              : 0;
      case INTERNAL -> needed.isEmpty() ? Superblock.MAX_SECTOR : 0;
      case NONE ->
          needed.isEmpty()
              ? Superblock.MAX_SECTOR
              : bitmap.geometry().chunkRange(needed.getAsLong()).start();
    };
  }

  private void closeDevices() throws IOException {
    IOException first = null;
    for (Leg leg : membership.current().legs()) {
      try {
        leg.member().close();
      } catch (IOException e) {
        first = e;
      }
    }
    if (first != null) {
      throw new DeviceException(
          IoFailure.OTHER, "closing " + name + ": " + first.getMessage(), first);
    }
  }

  @CanIgnoreReturnValue
  MemberSet change(Membership.Step step) throws IOException {
    return membership.change(step);
  }

  /** The highest events at which any node has cleared a bit (trap T9). */
  long eventsCleared() throws IOException {
    long own = bitmap.header().eventsCleared();
    return cluster.isShared() ? Math.max(own, storage.eventsClearedByOthers()) : own;
  }

  boolean isShared() {
    return cluster.isShared();
  }

  /** Runs it while no other node changes the members. */
  void exclusively(ClusterPort.Work work) throws IOException {
    cluster.exclusively(work);
  }

  void checkWritable() throws ArrayException {
    if (options.readOnly()) {
      throw ArrayException.failed(
          name + " was assembled read-only; stop it and assemble it without --readonly");
    }
  }

  /** What a change of the member set means for the rest of the array. */
  private final class Switch implements Membership.Durability {

    @Override
    public void prepare(long events) throws IOException {
      bitmap.updateHeader(header -> header.toBuilder().events(events).build());
    }

    @Override
    public List<Legs.Failure> writeSuperblocks(MemberSet before, MemberSet next) {
      if (options.readOnly()) {
        return List.of();
      }
      List<Legs.Failure> failures = introduce(before, next);
      return failures.isEmpty() ? superblocks.write(next) : failures;
    }

    private List<Legs.Failure> introduce(MemberSet before, MemberSet next) {
      if (!cluster.isShared()) {
        return List.of(); // done when the recovery begins
      }
      Optional<Set<Integer>> inUse = Optional.of(cluster.otherSlots());
      return next.receivingFirst(before).stream()
          .flatMap(leg ->
              Legs.attempt(leg, one -> storage.introduce(one.member(), bitmap, inUse)).stream())
          .toList();
    }

    @Override
    public void switched(MemberSet before, MemberSet after, Set<Member> incomplete) {
      for (Leg leg : after.legs()) {
        MemberState was = before.find(leg.member()).map(Leg::state).orElse(null);
        if (was == null) {
          happened(new ArrayEvent.MemberAdded(leg.member().disk()));
        }
        boolean sameKind = was != null && leg.state().getClass() == was.getClass();
        if (!sameKind || incomplete.contains(leg.member())) {
          changed(leg);
        }
      }
      for (Leg leg : before.legs()) {
        if (!after.has(leg.member().uuid())) {
          happened(new ArrayEvent.MemberRemoved(leg.member().disk()));
        }
      }
      proposed.made(after);
      happened(new ArrayEvent.SuperblocksWritten(after.events()));
      sync.wake();
    }

    private void changed(Leg leg) {
      String disk = leg.member().disk();
      switch (leg.state()) {
        case MemberState.Spare _ -> {}
        case MemberState.Recovering recovering -> {
          if (recovering.byBitmap() && !cluster.isShared()) { // else by who copies, of all slots
            bitmap.markDirtyNeeded();
          }
          happened(new ArrayEvent.RecoveryStarted(disk, recovering.byBitmap()));
        }
        case MemberState.InSync _ -> happened(new ArrayEvent.MemberInSync(disk));
        case MemberState.Faulty faulty ->
            happened(new ArrayEvent.MemberFailed(disk, faulty.cause()));
      }
    }
  }
}
