package io.mirrorctl.it;

import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BitmapHeaderRead;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.SlotImage;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockRead;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/** Compares the members of an array with one another, past every engine. All must be in sync. */
final class MemberAudit {
  private static final int PIECE = 1 << 20;

  private final List<? extends BlockDevice> devices;
  private final List<MemberMetadata> metadata = new ArrayList<>();

  private MemberAudit(List<? extends BlockDevice> devices) {
    this.devices = devices;
  }

  /** Reads the metadata of members that nobody writes to. */
  static MemberAudit of(List<? extends BlockDevice> devices) throws IOException {
    var audit = new MemberAudit(devices);
    for (BlockDevice device : devices) {
      audit.metadata.add(MemberMetadata.read(device));
    }
    return audit;
  }

  Superblock superblock(int member) {
    if (metadata.get(member).superblock() instanceof SuperblockRead.Valid(Superblock s)) {
      return s;
    }
    throw new AssertionError("no superblock: " + metadata.get(member));
  }

  /** Bits that are set, over all slots of a member. */
  long dirtyChunks(int member) throws IOException {
    return slots(member).stream().mapToLong(SlotImage::dirtyChunks).sum();
  }

  /** Slots of a member in which bits are set. */
  long dirtySlots(int member) throws IOException {
    return slots(member).stream().filter(slot -> slot.dirtyChunks() > 0).count();
  }

  private List<SlotImage> slots(int member) throws IOException {
    MemberMetadata m = metadata.get(member);
    var slots = new ArrayList<SlotImage>();
    for (int slot = 0; slot < m.bitmapHeaders().size(); slot++) {
      if (!(m.bitmapHeaders().get(slot) instanceof BitmapHeaderRead.Valid)) {
        throw new AssertionError(m.deviceName() + ": " + m.bitmapHeaders().get(slot));
      }
      slots.add(m.readSlot(devices.get(member), slot));
    }
    return slots;
  }

  /** Array sectors in which the members differ, in the order of the array. */
  List<Long> differences() throws IOException {
    var differing = new ArrayList<Long>();
    long size = superblock(0).size() * SectorRange.SECTOR_BYTES;
    for (long at = 0; at < size; at += PIECE) {
      int length = (int) Math.min(PIECE, size - at);
      byte[] first = data(0, at, length);
      for (int member = 1; member < devices.size(); member++) {
        byte[] other = data(member, at, length);
        if (ByteBuffer.wrap(first).equals(ByteBuffer.wrap(other))) {
          continue;
        }
        for (int sector = 0; sector < length; sector += SectorRange.SECTOR_BYTES) {
          if (!ByteBuffer.wrap(first, sector, SectorRange.SECTOR_BYTES)
              .equals(ByteBuffer.wrap(other, sector, SectorRange.SECTOR_BYTES))) {
            differing.add((at + sector) / SectorRange.SECTOR_BYTES);
          }
        }
      }
    }
    return differing.stream().distinct().sorted().toList();
  }

  private byte[] data(int member, long offset, int length) throws IOException {
    long start = superblock(member).dataOffset() * SectorRange.SECTOR_BYTES;
    ByteBuffer buffer = AlignedBuffers.shared().acquire(length);
    try {
      devices.get(member).read(start + offset, buffer.limit(length));
      byte[] data = new byte[length];
      buffer.flip().get(data);
      return data;
    } finally {
      AlignedBuffers.shared().release(buffer);
    }
  }

  /**
   * What a resync by this bitmap would miss: chunks in which members differ and whose bit is clear
   * on one of them. Without a bitmap, all of them unless the superblocks ask for a full resync.
   */
  List<String> missedByTheBitmap(List<Long> differences) throws IOException {
    var missed = new ArrayList<String>();
    for (int member = 0; member < devices.size(); member++) {
      String name = metadata.get(member).deviceName();
      if (metadata.get(member).bitmapKind() == BitmapKind.NONE) {
        long done = superblock(member).resyncOffset();
        if (differences.stream().anyMatch(sector -> Long.compareUnsigned(sector, done) < 0)) {
          missed.add("%s is clean below sector %d".formatted(name, done));
        }
        continue;
      }
      List<SlotImage> slots = slots(member);
      var chunks = new TreeSet<Long>();
      differences.forEach(s -> chunks.add(s / slots.getFirst().geometry().chunkSectors()));
      for (long chunk : chunks) {
        if (slots.stream().noneMatch(slot -> slot.isDirty(chunk))) {
          missed.add("chunk %d is clean on %s".formatted(chunk, name));
        }
      }
    }
    return missed;
  }
}
