package io.mirrorctl.core.format;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkElementIndex;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.Set;

/**
 * Where the claim blocks lie on a member: one for each slot, in the gap behind the bitmap that
 * Linux and mdadm leave alone, right before the data.
 *
 * @param startSector device sector of the block of slot 0
 * @param slots number of slots
 */
public record ClaimArea(long startSector, int slots) {
  /** Bytes of a block: no node's write touches another one's, on disks with large sectors too. */
  public static final int BLOCK_BYTES = 4096;

  static final int BLOCK_SECTORS = BLOCK_BYTES / SectorRange.SECTOR_BYTES;

  private static final int READ_BYTES = 64 << 10;

  public ClaimArea {
    checkArgument(startSector > 0 && slots > 0, "%s blocks at sector %s", slots, startSector);
  }

  /**
   * The place on a member.
   *
   * @param bitmap where the slots of its bitmap lie
   * @return empty if there is no room, or something else lies there
   */
  public static Optional<ClaimArea> of(Superblock member, BitmapArea bitmap) {
    long end = member.dataOffset() / BLOCK_SECTORS * BLOCK_SECTORS;
    long start = end - (long) bitmap.slots() * BLOCK_SECTORS;
    if (start < member.superOffset() + SuperblockRules.BLOCK_SECTORS) {
      return Optional.empty();
    }
    var area = new ClaimArea(start, bitmap.slots());
    SectorRange log = log(member);
    boolean free =
        !area.range().overlaps(bitmap.range()) && (log.isEmpty() || !area.range().overlaps(log));
    return free ? Optional.of(area) : Optional.empty();
  }

  /** Linux may write there whatever the superblock's features say. */
  private static SectorRange log(Superblock member) {
    long start = Math.max(0, member.superOffset() + member.bblogOffset());
    return SectorRange.ofLength(start, Math.max(0, member.bblogSize()));
  }

  /** Sectors that so many slots need. */
  static long sectors(int slots) {
    return (long) slots * BLOCK_SECTORS;
  }

  /** Whether blocks can be written on this device without touching others. */
  public static boolean fits(BlockDevice device) {
    return device.blockSizes().minimum() <= BLOCK_BYTES;
  }

  /** Device sectors of all blocks. */
  public SectorRange range() {
    return SectorRange.ofLength(startSector, sectors(slots));
  }

  /** Device byte at which a slot's block begins. */
  public long offsetBytes(int slot) {
    checkElementIndex(slot, slots, "slot");
    return range().startBytes() + (long) slot * BLOCK_BYTES;
  }

  /** Reads the blocks of all slots, in their order. */
  public ImmutableList<ClaimRead> read(BlockDevice device) throws IOException {
    var reader = new AlignedReader(device);
    ImmutableList.Builder<ClaimRead> reads = ImmutableList.builder();
    int atATime = READ_BYTES / BLOCK_BYTES;
    for (int first = 0; first < slots; first += atATime) {
      int count = Math.min(atATime, slots - first);
      ByteBuffer blocks = reader.read(offsetBytes(first), count * BLOCK_BYTES);
      for (int i = 0; i < count; i++) {
        int at = Math.min(blocks.limit(), i * BLOCK_BYTES);
        reads.add(
            ClaimCodec.decode(
                blocks.slice(at, Math.min(BLOCK_BYTES, blocks.limit() - at)), first + i));
      }
    }
    return reads.build();
  }

  /** Writes the block of its slot. */
  public void write(BlockDevice device, ClaimBlock block, Set<WriteOption> options)
      throws IOException {
    ByteBuffer bytes = AlignedBuffers.shared().acquire(BLOCK_BYTES);
    try {
      ClaimCodec.encodeInto(bytes, block);
      device.write(offsetBytes(block.slot()), bytes, options);
    } finally {
      AlignedBuffers.shared().release(bytes);
    }
  }

  /** Writes zeroes over all blocks; not flushed. */
  public void clear(BlockDevice device) throws IOException {
    for (int slot = 0; slot < slots; slot++) {
      ByteBuffer bytes = AlignedBuffers.shared().acquire(BLOCK_BYTES);
      try {
        for (int i = 0; i < BLOCK_BYTES; i++) {
          bytes.put(i, (byte) 0);
        }
        device.write(offsetBytes(slot), bytes, WriteOption.NONE);
      } finally {
        AlignedBuffers.shared().release(bytes);
      }
    }
  }
}
