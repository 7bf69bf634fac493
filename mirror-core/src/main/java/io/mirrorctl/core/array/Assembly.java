package io.mirrorctl.core.array;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.bitmap.WriteIntentBitmap;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BadBlockLog;
import io.mirrorctl.core.format.BadBlockLogRead;
import io.mirrorctl.core.format.BitmapGeometry;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapHeaderRead;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Feature;
import io.mirrorctl.core.format.SlotImage;
import io.mirrorctl.core.format.Superblock;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;

/**
 * What the disks say when an array is assembled: who its members are, and the state of its bitmap.
 * Bits are taken from in-sync members only, and from all of them: one bit too many costs a copy,
 * one too few costs data.
 */
final class Assembly {
  private static final int MAX_MEMBERS = 8;
  private static final long DEFAULT_CHUNK_BYTES = 64L << 20;

  private final AssemblyPlan plan;
  private final BitmapKind kind;
  private final MemberSet members;
  private final BitmapHeader header;

  /** The slots whose bits are this node's affair. */
  private final IntPredicate ours;

  private final boolean bitmapLost;

  private Assembly(
      AssemblyPlan plan,
      BitmapKind kind,
      MemberSet members,
      BitmapHeader header,
      IntPredicate ours,
      boolean bitmapLost) {
    this.plan = plan;
    this.kind = kind;
    this.members = members;
    this.header = header;
    this.ours = ours;
    this.bitmapLost = bitmapLost;
  }

  /**
   * Reads the disks for the node of this port: alone it answers for all slots, beside others for
   * its own. Without others to tell, a clustered array is refused unless the options say otherwise.
   */
  static Assembly read(List<? extends BlockDevice> devices, ArrayOptions options, ClusterPort port)
      throws IOException {
    List<Candidate> candidates = new ArrayList<>();
    for (BlockDevice device : devices) {
      candidates.add(Candidate.read(device));
    }
    // what other nodes write to all members must not be missed by this one
    boolean run = options.run() && port.otherSlots().isEmpty();
    AssemblyPlan plan = AssemblyPlan.of(candidates, run);
    Superblock freshest = plan.freshest();
    if (freshest.raidDisks() > MAX_MEMBERS) {
      throw ArrayException.failed(
          "the array has %d members, more than %d are not supported"
              .formatted(freshest.raidDisks(), MAX_MEMBERS));
    }
    BitmapKind kind = kind(plan);
    if (port.isShared() && kind != BitmapKind.CLUSTERED) {
      throw ArrayException.failed(
          "the array's bitmap is %s; only an array with a clustered one can be used by several nodes"
              .formatted(kind.name().toLowerCase(Locale.ROOT)));
    }
    if (kind == BitmapKind.CLUSTERED
        && !port.isShared()
        && !options.force()
        && !options.readOnly()) {
      throw ArrayException.refused(
          "the array is clustered and other nodes may be using it; --force takes it for this node"
              + " alone, which destroys data if another node writes to it meanwhile");
    }
    checkSupported(plan, kind, options.readOnly());
    BitmapHeader header = kind == BitmapKind.NONE ? null : headerOnDisk(plan);
    boolean alone = port.otherSlots().isEmpty();
    IntPredicate ours = slot -> alone || slot == port.slot();
    boolean lost =
        kind != BitmapKind.NONE && (header == null || !areUsable(ours, plan, kind, header));
    return new Assembly(
        plan, kind, members(plan), header != null ? header : newHeader(plan, kind), ours, lost);
  }

  /** Refuses what would have to be guessed, or would harm what newer programs wrote. */
  private static void checkSupported(AssemblyPlan plan, BitmapKind kind, boolean readOnly)
      throws ArrayException {
    long unit = unit(plan.placed()) / SectorRange.SECTOR_BYTES;
    for (AssemblyPlan.Placed place : plan.placed()) {
      Candidate candidate = place.candidate();
      Superblock own = candidate.superblock();
      int sector = candidate.device().blockSizes().minimum();
      if (own.dataOffset() * SectorRange.SECTOR_BYTES % sector != 0) {
        throw ArrayException.failed(
            "%s: its data begins at sector %d, inside a sector of its own %d bytes"
                .formatted(candidate.disk(), own.dataOffset(), sector));
      }
      long room = candidate.metadata().deviceSectors() - own.dataOffset();
      if (place.state().receives() && Math.ceilDiv(plan.freshest().size(), unit) * unit > room) {
        throw ArrayException.failed(
            "%s ends inside a sector of %d bytes, which another member has"
                .formatted(candidate.disk(), unit * SectorRange.SECTOR_BYTES));
      }
      if (place.isInSync()
          && !readOnly
          && !candidate.metadata().bitmapHeaders().isEmpty()
          && candidate.metadata().bitmapHeaders().getFirst()
              instanceof BitmapHeaderRead.Unsupported(BitmapHeader _, String reason)) {
        throw ArrayException.failed(
            "%s: its write-intent bitmap cannot be used: %s; --readonly assembles the array"
                .formatted(candidate.disk(), reason));
      }
      if (kind != BitmapKind.NONE
          && !readOnly
          && !(place.state() instanceof MemberState.Faulty)
          && !own.has(Feature.BITMAP_OFFSET)) {
        throw ArrayException.failed(
            candidate.disk()
                + ": has no place for the array's write-intent bitmap; leave the disk out and add"
                + " it again");
      }
    }
    if (kind == BitmapKind.CLUSTERED && !readOnly && headerOnDisk(plan) == null) {
      throw ArrayException.failed(
          "no in-sync member has a readable header of bitmap slot 0, so nobody knows how many slots"
              + " there are; --readonly assembles the array");
    }
  }

  private static BitmapKind kind(AssemblyPlan plan) {
    BitmapKind kind = BitmapKind.NONE;
    for (AssemblyPlan.Placed place : plan.placed()) {
      if (place.isInSync() && place.candidate().metadata().bitmapKind() != BitmapKind.NONE) {
        kind = place.candidate().metadata().bitmapKind();
      }
    }
    return kind;
  }

  private static MemberSet members(AssemblyPlan plan) throws ArrayException {
    ImmutableList.Builder<Leg> legs = ImmutableList.builder();
    for (AssemblyPlan.Placed place : plan.placed()) {
      Candidate candidate = place.candidate();
      legs.add(new Leg(member(candidate), place.role(), place.state()));
    }
    Superblock freshest = plan.freshest();
    return new MemberSet(legs.build(), freshest.raidDisks(), freshest.size(), freshest.events());
  }

  static Member member(Candidate candidate) throws ArrayException {
    BadBlockLog log =
        switch (candidate.metadata().badBlockLog()) {
          case BadBlockLogRead.Valid valid -> valid.log();
          case BadBlockLogRead.Absent _ -> BadBlockLog.EMPTY;
          case BadBlockLogRead.Corrupt corrupt ->
              throw ArrayException.failed(
                  "%s: its bad-block log is corrupt (%s is %s), so any of its sectors may be bad; leave the disk out and add it again"
                      .formatted(candidate.disk(), corrupt.field(), corrupt.found()));
        };
    return new Member(candidate.device(), candidate.superblock(), new BadBlocks(log));
  }

  /**
   * The header of slot 0 of an in-sync member, or null. Its events_cleared is the highest of all
   * slots of all in-sync members: what any node cleared is cleared (trap T9).
   */
  private static BitmapHeader headerOnDisk(AssemblyPlan plan) {
    BitmapHeader first = null;
    long cleared = 0;
    for (AssemblyPlan.Placed place : plan.placed()) {
      if (place.isInSync()) {
        for (BitmapHeaderRead read : place.candidate().metadata().bitmapHeaders()) {
          if (read instanceof BitmapHeaderRead.Valid(BitmapHeader header)) {
            first = first == null ? header : first;
            cleared = Math.max(cleared, header.eventsCleared());
          }
        }
      }
    }
    return first == null ? null : first.toBuilder().eventsCleared(cleared).build();
  }

  /** The bits of a slot that no in-sync member can tell may be any. */
  private static boolean areUsable(
      IntPredicate ours, AssemblyPlan plan, BitmapKind kind, BitmapHeader header) {
    for (int slot = 0; slot < header.slots(); slot++) {
      int number = slot;
      if (ours.test(slot)
          && plan.placed().stream()
              .noneMatch(place -> place.isInSync() && isUsable(place.candidate(), number, kind))) {
        return false;
      }
    }
    return true;
  }

  /**
   * Whether a member's copy of a slot may be believed. A bitmap with fewer events than its
   * superblock missed updates; clustered slots lag by design.
   */
  private static boolean isUsable(Candidate candidate, int slot, BitmapKind kind) {
    List<BitmapHeaderRead> headers = candidate.metadata().bitmapHeaders();
    if (slot >= headers.size() || !(headers.get(slot) instanceof BitmapHeaderRead.Valid valid)) {
      return false;
    }
    BitmapHeader found = valid.header();
    return !found.isStale()
        && found.uuid().equals(candidate.superblock().setUuid())
        && (kind == BitmapKind.CLUSTERED || found.events() >= candidate.superblock().events());
  }

  private static BitmapHeader newHeader(AssemblyPlan plan, BitmapKind kind) {
    Superblock freshest = plan.freshest();
    return BitmapHeader.builder()
        .version(
            kind == BitmapKind.CLUSTERED
                ? BitmapHeader.VERSION_CLUSTERED
                : BitmapHeader.VERSION_INTERNAL)
        .uuid(freshest.setUuid())
        .events(freshest.events())
        .eventsCleared(freshest.events())
        .syncSize(freshest.size())
        .chunksize(chunkThatFits(plan))
        .daemonSleep(5)
        .clusterName("")
        .build();
  }

  /** For a bitmap that is made anew in the old one's room, or in memory only. */
  private static long chunkThatFits(AssemblyPlan plan) {
    Superblock freshest = plan.freshest();
    long chunk = DEFAULT_CHUNK_BYTES;
    long room =
        (freshest.dataOffset() - freshest.superOffset() - freshest.bitmapOffset())
            * SectorRange.SECTOR_BYTES;
    while (new BitmapGeometry(freshest.size(), chunk).strideBytes() > room) {
      chunk *= 2;
    }
    return chunk;
  }

  AssemblyPlan plan() {
    return plan;
  }

  BitmapKind kind() {
    return kind;
  }

  MemberSet members() {
    return members;
  }

  /** The header for this node's slot, for the size that the superblocks say. */
  BitmapHeader header() {
    BitmapHeader.Builder own = header.toBuilder().syncSize(members.sizeSectors());
    return bitmapLost
        ? own.state(BitmapHeader.STATE_STALE)
            .eventsCleared(Math.max(header.eventsCleared(), plan.freshest().events()))
            .build()
        : own.state(0).build();
  }

  BitmapGeometry geometry() {
    return new BitmapGeometry(members.sizeSectors(), header.chunksize());
  }

  /**
   * Bytes in the largest sector of all members, at least 512: smaller requests are read, changed
   * and written.
   */
  int unit() {
    return unit(plan.placed());
  }

  private static int unit(List<AssemblyPlan.Placed> placed) {
    return placed.stream()
        .mapToInt(place -> place.candidate().device().blockSizes().minimum())
        .reduce(SectorRange.SECTOR_BYTES, Math::max);
  }

  /**
   * Whether there is a bitmap but not all of it may be believed: everything is resynced, and the
   * header says stale until all bits are set on the members.
   */
  boolean isBitmapLost() {
    return bitmapLost;
  }

  ArrayIdentity identity() {
    return new ArrayIdentity(
        plan.freshest().setUuid(),
        kind,
        kind == BitmapKind.CLUSTERED ? header.nodes() : 0,
        unit(),
        kind == BitmapKind.NONE ? 0 : header.chunksize(),
        plan.freshest().size() * SectorRange.SECTOR_BYTES);
  }

  /**
   * Every bit of this node's slots that an in-sync member has; without a bitmap all that
   * resync_offset does not vouch for.
   */
  void loadBits(WriteIntentBitmap bitmap) throws IOException {
    if (kind == BitmapKind.NONE) {
      long from = plan.freshest().resyncOffset();
      if (Long.compareUnsigned(from, members.sizeSectors()) < 0) {
        bitmap.markNeeded(new SectorRange(from, members.sizeSectors()));
      }
      return;
    }
    if (bitmapLost) {
      byte[] all = new byte[Math.toIntExact(bitmap.geometry().bitmapBytes())];
      Arrays.fill(all, (byte) 0xFF);
      bitmap.load(ByteBuffer.wrap(all));
    }
    for (AssemblyPlan.Placed place : plan.placed()) {
      if (place.isInSync()) {
        loadSlots(place.candidate(), bitmap);
      }
    }
  }

  private void loadSlots(Candidate candidate, WriteIntentBitmap bitmap) throws IOException {
    for (int slot = 0; slot < slots(); slot++) {
      if (ours.test(slot) && isUsable(candidate, slot, kind)) {
        loadSlot(candidate, slot, bitmap);
      }
    }
  }

  /** A slot made for another size counts as far as it goes; what is beyond is needed. */
  static void loadSlot(Candidate candidate, int slot, WriteIntentBitmap bitmap) throws IOException {
    SlotImage image = candidate.metadata().readSlot(candidate.device(), slot);
    BitmapGeometry now = bitmap.geometry();
    if (image.geometry().equals(now)) {
      bitmap.load(image.bits());
      return;
    }
    byte[] fitted = new byte[Math.toIntExact(now.bitmapBytes())];
    if (image.geometry().chunkBytes() == now.chunkBytes()) {
      ByteBuffer bits = image.bits();
      int known = Math.min(fitted.length, bits.remaining());
      bits.get(fitted, 0, known);
      Arrays.fill(fitted, Math.max(0, known - 1), fitted.length, (byte) 0xFF);
    } else {
      Arrays.fill(fitted, (byte) 0xFF);
    }
    bitmap.load(ByteBuffer.wrap(fitted));
  }

  private int slots() {
    return kind == BitmapKind.CLUSTERED ? header.nodes() : 1;
  }

  /** This node's slot holds their bits durably: the other slots become empty (trap T8, D8). */
  void clearAdoptedSlots(MemberWrites writes, int own) throws IOException {
    for (int slot = 0; slot < slots(); slot++) {
      if (slot != own && ours.test(slot)) {
        clearSlot(writes, slot);
      }
    }
  }

  private void clearSlot(MemberWrites writes, int slot) throws IOException {
    BitmapHeader cleared = headerOf(slot);
    writes.toReceivers(leg -> {
      BlockDevice device = leg.member().device();
      EmptySlot.write(
          device, SlotStorage.area(leg.member().superblock(), geometry(), slots()), slot, cleared);
      device.flush();
    });
  }

  /** As found on an in-sync member; where none can be read, made from slot 0's. */
  private BitmapHeader headerOf(int slot) {
    for (AssemblyPlan.Placed place : plan.placed()) {
      List<BitmapHeaderRead> headers = place.candidate().metadata().bitmapHeaders();
      if (place.isInSync()
          && slot < headers.size()
          && headers.get(slot) instanceof BitmapHeaderRead.Valid valid) {
        return valid.header().toBuilder().syncSize(members.sizeSectors()).build();
      }
    }
    return header.toBuilder().events(0).eventsCleared(0).syncSize(members.sizeSectors()).build();
  }

  static void closeAll(List<? extends Closeable> devices, Throwable reason) {
    for (Closeable device : devices) {
      try {
        device.close();
      } catch (IOException e) {
        reason.addSuppressed(e);
      }
    }
  }
}
