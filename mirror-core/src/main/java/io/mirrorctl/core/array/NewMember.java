package io.mirrorctl.core.array;

import com.google.common.primitives.ImmutableIntArray;
import io.mirrorctl.core.bitmap.WriteIntentBitmap;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BadBlockLog;
import io.mirrorctl.core.format.BitmapArea;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapHeaderRead;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Feature;
import io.mirrorctl.core.format.ForeignData;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockRead;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * Makes a disk ready to join a running array: bitmap slots and bad-block log are written here, the
 * superblock by the change that takes the disk in. Of a shared array other nodes have to find the
 * disk before: for them it gets a superblock that tells of no member, an <em>announcement</em>,
 * which is taken back if nothing comes of it.
 */
final class NewMember {
  private final MirrorArray array;
  private final Env env;

  NewMember(MirrorArray array, Env env) {
    this.array = array;
    this.env = env;
  }

  /**
   * Looks whether the disk may be overwritten, which may take seconds.
   *
   * @param force also if it holds something
   */
  void check(BlockDevice device, boolean force) throws IOException {
    checkFree(device, force);
    ClaimGuard.check(device, env);
  }

  private void checkFree(BlockDevice device, boolean force) throws IOException {
    Optional<String> foreign = ForeignData.find(device);
    if (foreign.isPresent() && !force && !isAnnouncement(device)) {
      throw ArrayException.refused(
          device.name() + " holds " + foreign.get() + "; --force overwrites it");
    }
  }

  /** Left by a node that died while it added the disk. */
  private boolean isAnnouncement(BlockDevice device) throws IOException {
    return MemberMetadata.read(device).superblock() instanceof SuperblockRead.Valid(Superblock s)
        && Announced.isAnnouncement(s)
        && s.setUuid()
            .equals(array.memberSet().inSync().getFirst().member().superblock().setUuid());
  }

  /**
   * Writes what has to be there before the disk joins. Nobody else may change the array meanwhile,
   * who may want to add the same disk.
   *
   * @param force also if the disk holds something
   */
  Announced prepare(BlockDevice device, boolean force) throws IOException {
    MemberSet set = array.memberSet();
    checkFree(device, force);
    Superblock like = set.inSync().getFirst().member().superblock();
    long room = checkRoom(device, like.dataOffset());
    boolean clustered = array.kind() == BitmapKind.CLUSTERED;
    Superblock own =
        like.toBuilder()
            .dataSize(room)
            .devNumber(freeNumber(set))
            .deviceUuid(env.randomUuid())
            .devflags(0)
            .cntCorrectedRead(0)
            .recoveryOffset(0)
            .events(0)
            .devRoles(ImmutableIntArray.of())
            .bblogSize(clustered ? 0 : like.bblogSize())
            .bblogOffset(clustered ? 0 : like.bblogOffset())
            .build();
    Member member = new Member(device, own, new BadBlocks(BadBlockLog.EMPTY));
    if (array.isShared()) { // every node writes its slot when it begins to receive
      return Announced.show(member, isAnnouncement(device));
    }
    writeSlots(member);
    if (own.bblogSize() > 0) {
      device.write(
          (own.superOffset() + own.bblogOffset()) * SectorRange.SECTOR_BYTES,
          BadBlockLog.EMPTY.encode(own.bblogShift(), own.bblogSize()),
          WriteOption.NONE);
    }
    device.flush();
    return Announced.hidden(member);
  }

  /** Refuses a disk that is too small, or has too large sectors. */
  void checkRoom(BlockDevice device) throws ArrayException {
    long _ =
        checkRoom(device, array.memberSet().inSync().getFirst().member().superblock().dataOffset());
  }

  private long checkRoom(BlockDevice device, long dataOffset) throws ArrayException {
    return checkRoom(device, dataOffset, array.memberSet().sizeSectors(), array.unit());
  }

  /**
   * Whether a disk can be a member of an array of this size.
   *
   * @param unit bytes of the array's smallest request
   * @return sectors from where its data begins to its end
   */
  static long checkRoom(BlockDevice device, long dataOffset, long sizeSectors, int unit)
      throws ArrayException {
    long step = unit / SectorRange.SECTOR_BYTES;
    long size = Math.ceilDiv(sizeSectors, step) * step;
    long room = device.sizeBytes() / SectorRange.SECTOR_BYTES - dataOffset;
    if (room < size) {
      throw ArrayException.failed(
          "%s is too small: the array needs %d sectors behind sector %d, it has %d"
              .formatted(device.name(), size, dataOffset, Math.max(0, room)));
    }
    int sector = device.blockSizes().minimum();
    if (sector > unit || dataOffset * SectorRange.SECTOR_BYTES % sector != 0) {
      throw ArrayException.failed(
          "%s has sectors of %d bytes, the array was assembled for %d; stop it and assemble it again to add the disk"
              .formatted(device.name(), sector, unit));
    }
    return room;
  }

  /**
   * A disk that comes back with its old superblock.
   *
   * @param attached the faulty member it is, if the array still has it
   */
  Member returning(Candidate candidate, Member attached, boolean byBitmap) throws IOException {
    checkRoom(candidate.device(), candidate.superblock().dataOffset());
    Member found = Assembly.member(candidate);
    MemberSet set = array.memberSet();
    placeBitmap(found, set);
    boolean numberTaken =
        set.legs().stream()
            .anyMatch(
                leg -> leg.member() != attached && leg.member().devNumber() == found.devNumber());
    if (numberTaken) {
      found.superblock(
          found.superblock().toBuilder()
              .devNumber(freeNumber(set))
              .devRoles(ImmutableIntArray.of())
              .build());
    }
    if (byBitmap) {
      adoptBits(candidate);
    }
    if (!array.isShared()) { // else each node writes its own when the change is made
      writeSlots(found);
      found.device().flush();
    }
    return found;
  }

  /** The bitmap lies where the others have it, also if this disk was away when it was made. */
  private void placeBitmap(Member found, MemberSet set) throws ArrayException {
    if (array.kind() == BitmapKind.NONE) {
      return;
    }
    Superblock like = set.inSync().getFirst().member().superblock();
    Superblock own = found.superblock().toBuilder().bitmapOffset(like.bitmapOffset()).build();
    SectorRange area =
        SlotStorage.area(own, array.bitmap().geometry(), array.bitmap().header().slots()).range();
    long log = own.superOffset() + own.bblogOffset();
    boolean overLog =
        own.bblogSize() > 0 && area.overlaps(SectorRange.ofLength(log, own.bblogSize()));
    if (area.end() > own.dataOffset() || (overLog && !found.badBlocks().isEmpty())) {
      throw ArrayException.failed(
          found.disk()
              + " has no place for the array's write-intent bitmap; zero-superblock it and add it");
    }
    found.superblock(overLog ? own.toBuilder().bblogSize(0).bblogOffset(0).build() : own);
  }

  /**
   * Whether every change since this disk was left behind still has its bit (trap T9), and it held
   * everything before.
   */
  boolean isKnownToBitmap(Candidate candidate) throws IOException {
    Superblock left = candidate.superblock();
    boolean wasInSync =
        left.isActive()
            && left.events() > 0
            && !left.has(Feature.REPLACEMENT)
            && (!left.has(Feature.RECOVERY_OFFSET)
                || left.has(Feature.RECOVERY_BITMAP)
                || Long.compareUnsigned(left.recoveryOffset(), left.size()) >= 0);
    WriteIntentBitmap bitmap = array.bitmap();
    List<BitmapHeaderRead> headers = candidate.metadata().bitmapHeaders();
    boolean own =
        !headers.isEmpty()
            && headers.getFirst() instanceof BitmapHeaderRead.Valid valid
            && valid.header().geometry().equals(bitmap.geometry());
    return array.kind() != BitmapKind.NONE
        && wasInSync
        && own
        && candidate.superblock().size() == array.memberSet().sizeSectors()
        && candidate.superblock().events() >= array.eventsCleared();
  }

  /** What this disk had in flight when it was left behind is copied over too. */
  private void adoptBits(Candidate candidate) throws IOException {
    List<BitmapHeaderRead> headers = candidate.metadata().bitmapHeaders();
    for (int slot = 0; slot < headers.size(); slot++) {
      if (headers.get(slot) instanceof BitmapHeaderRead.Valid) {
        Assembly.loadSlot(candidate, slot, array.bitmap());
      }
    }
    array.bitmap().rewriteAll();
  }

  /** The vacant slots; this node's own is written before the member is activated. */
  private void writeSlots(Member member) throws IOException {
    if (array.kind() == BitmapKind.NONE) {
      return;
    }
    BitmapHeader header = array.bitmap().header();
    int slots = array.kind() == BitmapKind.CLUSTERED ? header.nodes() : 1;
    BitmapArea area = SlotStorage.area(member.superblock(), array.bitmap().geometry(), slots);
    BitmapHeader vacant = header.toBuilder().events(0).eventsCleared(0).build();
    for (int slot = 0; slot < slots; slot++) {
      EmptySlot.write(member.device(), area, slot, slots == 1 ? header : vacant);
    }
  }

  /**
   * The disk's number may be another's by now.
   *
   * @param set as it is while nobody else changes it
   */
  Member fit(Announced announced, MemberSet set) throws IOException {
    Member member = announced.member();
    long _ = checkRoom(member.device(), member.superblock().dataOffset());
    if (set.sizeSectors() != member.superblock().size()) {
      throw ArrayException.failed("the array has got another size meanwhile; try again");
    }
    announced.check();
    if (isTaken(set, member.devNumber())) {
      announced.number(freeNumber(set));
    }
    return member;
  }

  /** Not that of a member, and, while there are others, not that of one who may come back. */
  private static int freeNumber(MemberSet set) {
    Superblock any = set.inSync().getFirst().member().superblock();
    int lowest = -1;
    for (int number = 0; number < Superblock.MAX_DEV; number++) {
      if (!isTaken(set, number)) {
        if (any.roleOf(number) == Superblock.ROLE_SPARE) {
          return number;
        }
        lowest = lowest < 0 ? number : lowest;
      }
    }
    return lowest;
  }

  private static boolean isTaken(MemberSet set, int number) {
    return set.legs().stream().anyMatch(leg -> leg.member().devNumber() == number);
  }
}
