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
import io.mirrorctl.core.format.ForeignData;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Makes a disk ready to join a running array: bitmap slots and bad-block log are written here, the
 * superblock by the change that takes the disk in.
 */
final class NewMember {
  private final MirrorArray array;
  private final Env env;

  NewMember(MirrorArray array, Env env) {
    this.array = array;
    this.env = env;
  }

  /**
   * @param force also if the disk holds something
   */
  Member prepare(BlockDevice device, boolean force) throws IOException {
    MemberSet set = array.memberSet();
    Optional<String> foreign = ForeignData.find(device);
    if (foreign.isPresent() && !force) {
      throw ArrayException.refused(
          device.name() + " holds " + foreign.get() + "; --force overwrites it");
    }
    Superblock like = set.inSync().getFirst().member().superblock();
    long room = device.sizeBytes() / SectorRange.SECTOR_BYTES - like.dataOffset();
    if (room < set.sizeSectors()) {
      throw ArrayException.failed(
          "%s is too small: the array needs %d sectors behind sector %d, it has %d"
              .formatted(device.name(), set.sizeSectors(), like.dataOffset(), Math.max(0, room)));
    }
    if (device.blockSizes().minimum() > array.unit()) {
      throw ArrayException.failed(
          "%s has sectors of %d bytes, the array was assembled for %d; stop it and assemble it again to add the disk"
              .formatted(device.name(), device.blockSizes().minimum(), array.unit()));
    }
    Superblock own =
        like.toBuilder()
            .dataSize(room)
            .devNumber(freeNumber(set))
            .deviceUuid(new UUID(env.random().nextLong(), env.random().nextLong()))
            .devflags(0)
            .cntCorrectedRead(0)
            .recoveryOffset(0)
            .build();
    Member member = new Member(device, own, new BadBlocks(BadBlockLog.EMPTY));
    writeSlots(member);
    if (own.bblogSize() > 0) {
      device.write(
          (own.superOffset() + own.bblogOffset()) * SectorRange.SECTOR_BYTES,
          BadBlockLog.EMPTY.encode(own.bblogShift(), own.bblogSize()),
          WriteOption.NONE);
    }
    device.flush();
    return member;
  }

  /**
   * A disk that comes back with its old superblock.
   *
   * @param attached the faulty member it is, if the array still has it
   */
  Member returning(Candidate candidate, Member attached, boolean byBitmap) throws IOException {
    Member found = Assembly.member(candidate);
    MemberSet set = array.memberSet();
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
    writeSlots(found);
    found.device().flush();
    return found;
  }

  /** Whether every change since this disk was left behind still has its bit (trap T9). */
  boolean isKnownToBitmap(Candidate candidate) {
    WriteIntentBitmap bitmap = array.bitmap();
    List<BitmapHeaderRead> headers = candidate.metadata().bitmapHeaders();
    boolean own =
        !headers.isEmpty()
            && headers.getFirst() instanceof BitmapHeaderRead.Valid valid
            && valid.header().geometry().equals(bitmap.geometry());
    return array.kind() != BitmapKind.NONE
        && own
        && candidate.superblock().size() == array.memberSet().sizeSectors()
        && candidate.superblock().events() >= bitmap.header().eventsCleared();
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
