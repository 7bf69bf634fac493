package io.mirrorctl.core.format;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/** Looks for a superblock of version 1.2, and for what may be there in its stead. */
final class SuperblockSearch {
  private SuperblockSearch() {}

  static SuperblockRead find(AlignedReader reader) throws IOException {
    SuperblockRead read = at(reader, Superblock.SUPER_OFFSET);
    if (!(read instanceof SuperblockRead.Absent)) {
      return read;
    }
    for (SuperblockRead elsewhere : everywhere(reader)) {
      if (elsewhere instanceof SuperblockRead.Unsupported) {
        return elsewhere;
      }
    }
    return findOld(reader)
        .<SuperblockRead>map(sector ->
            new SuperblockRead.Absent(
                "metadata version 0.90 at sector %s; only version 1.2 is supported"
                    .formatted(sector)))
        .orElse(read);
  }

  /** What is at each place where a superblock of version 1 may be, 1.2 first. */
  static ImmutableList<SuperblockRead> everywhere(AlignedReader reader) throws IOException {
    var reads = ImmutableList.<SuperblockRead>builder();
    for (long sector : sectorsOfVersion1(reader.deviceSectors())) {
      reads.add(at(reader, sector));
    }
    return reads.build();
  }

  /** Where versions 1.2, 1.1 and 1.0 have their superblocks on a device of this size. */
  static long[] sectorsOfVersion1(long deviceSectors) {
    long last = sectorOf10(deviceSectors);
    return last < 0
        ? new long[] {Superblock.SUPER_OFFSET, 0}
        : new long[] {Superblock.SUPER_OFFSET, 0, last};
  }

  private static SuperblockRead at(AlignedReader reader, long sector) throws IOException {
    return SuperblockCodec.decode(
        reader.read(sector * SectorRange.SECTOR_BYTES, SuperblockCodec.BLOCK_BYTES),
        sector,
        reader.deviceSectors());
  }

  /** Where version 1.0 has its superblock; negative if the device is too small for one. */
  static long sectorOf10(long deviceSectors) {
    return deviceSectors < 24 ? -1 : (deviceSectors - 16) & ~7L;
  }

  /** The sector of a superblock of version 0.90, whose byte order is that of its host. */
  static Optional<Long> findOld(AlignedReader reader) throws IOException {
    long sector = (reader.deviceSectors() & ~127L) - 128;
    if (sector < 0) {
      return Optional.empty();
    }
    ByteBuffer b = reader.read(sector * SectorRange.SECTOR_BYTES, SectorRange.SECTOR_BYTES);
    boolean found = isOld(b.order(ByteOrder.LITTLE_ENDIAN)) || isOld(b.order(ByteOrder.BIG_ENDIAN));
    return found ? Optional.of(sector) : Optional.empty();
  }

  private static boolean isOld(ByteBuffer b) {
    return b.getInt(0) == SuperblockCodec.MAGIC && b.getInt(4) == 0;
  }
}
