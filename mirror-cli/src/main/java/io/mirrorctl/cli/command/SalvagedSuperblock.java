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
 * What a damaged superblock seems to say, for the eyes of somebody who wants to know what happened.
 * Nothing of it can be relied on.
 */
final class SalvagedSuperblock {
  private static final int AT_MAX_DEV = 0xDC;
  private static final int AT_SB_CSUM = 0xD8;
  private static final int AT_SUPER_OFFSET = 0x90;

  private SalvagedSuperblock() {}

  /** The fields at sector 8, if they are those of version 1; whatever the checksum says. */
  static Optional<Superblock> read(BlockDevice device) throws IOException {
    int unit = Math.max(SuperblockCodec.BLOCK_BYTES, device.blockSizes().minimum());
    long place = Superblock.SUPER_OFFSET * SectorRange.SECTOR_BYTES;
    long from = place / unit * unit;
    if (device.sizeBytes() < from + unit) {
      return Optional.empty();
    }
    byte[] copy = new byte[SuperblockCodec.BLOCK_BYTES];
    ByteBuffer read = AlignedBuffers.shared().acquire(unit);
    try {
      device.read(from, read);
      read.get((int) (place - from), copy);
    } finally {
      AlignedBuffers.shared().release(read);
    }
    return repaired(ByteBuffer.wrap(copy).order(ByteOrder.LITTLE_ENDIAN), device);
  }

  private static Optional<Superblock> repaired(ByteBuffer block, BlockDevice device) {
    int maxDev = block.getInt(AT_MAX_DEV);
    if (maxDev < 0 || maxDev > Superblock.MAX_DEV) {
      maxDev = 0;
      block.putInt(AT_MAX_DEV, maxDev);
    }
    block.putInt(AT_SB_CSUM, (int) SuperblockCodec.checksum(block, maxDev));
    return SuperblockCodec.decode(
            block, block.getLong(AT_SUPER_OFFSET), device.sizeBytes() / SectorRange.SECTOR_BYTES)
        .examinable();
  }
}
