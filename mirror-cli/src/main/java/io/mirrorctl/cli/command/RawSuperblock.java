package io.mirrorctl.cli.command;

import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockCodec;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * The bytes of a superblock of version 1, right or damaged, for the eyes of somebody who wants to
 * know what happened.
 *
 * @param block its bytes, little-endian
 * @param deviceSectors size of the device
 */
record RawSuperblock(ByteBuffer block, long deviceSectors) {
  private static final int AT_SUPER_OFFSET = 0x90;
  private static final int AT_SB_CSUM = 0xD8;
  private static final int AT_MAX_DEV = 0xDC;

  /** Reads what is at a sector; empty if the device ends before. */
  static Optional<RawSuperblock> read(BlockDevice device, long sector) throws IOException {
    int bytes = SuperblockCodec.BLOCK_BYTES;
    int block = device.blockSizes().minimum();
    long place = sector * SectorRange.SECTOR_BYTES;
    if (place < 0 || place > device.sizeBytes() - bytes) {
      return Optional.empty();
    }
    long from = place / block * block;
    long to = Math.ceilDiv(place + bytes, (long) block) * block;
    byte[] copy = new byte[bytes];
    ByteBuffer read = AlignedBuffers.shared().acquire(Math.toIntExact(to - from));
    try {
      device.read(from, read);
      read.get((int) (place - from), copy);
    } finally {
      AlignedBuffers.shared().release(read);
    }
    return Optional.of(
        new RawSuperblock(
            ByteBuffer.wrap(copy).order(ByteOrder.LITTLE_ENDIAN),
            device.sizeBytes() / SectorRange.SECTOR_BYTES));
  }

  /** The checksum as it is on disk. */
  int storedChecksum() {
    return block.getInt(AT_SB_CSUM);
  }

  /** The checksum that these bytes should have. */
  int expectedChecksum() {
    return (int) SuperblockCodec.checksum(block, maxDev());
  }

  private int maxDev() {
    int maxDev = block.getInt(AT_MAX_DEV);
    return maxDev < 0 || maxDev > Superblock.MAX_DEV ? 0 : maxDev;
  }

  /** What it seems to say, if it is of version 1; nothing of that can be relied on. */
  Optional<Superblock> salvaged() {
    ByteBuffer copy =
        ByteBuffer.allocate(block.capacity())
            .order(ByteOrder.LITTLE_ENDIAN)
            .put(0, block, 0, block.capacity());
    copy.putInt(AT_MAX_DEV, maxDev());
    copy.putInt(AT_SB_CSUM, (int) SuperblockCodec.checksum(copy, maxDev()));
    return SuperblockCodec.decode(copy, copy.getLong(AT_SUPER_OFFSET), deviceSectors).examinable();
  }
}
