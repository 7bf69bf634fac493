package io.mirrorctl.core.format;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;

/**
 * Takes md superblocks off a disk, those of all versions and damaged ones too, so that nobody takes
 * it for a member any more. Data and bitmap stay as they are.
 */
public final class SuperblockErasure {
  private SuperblockErasure() {}

  /**
   * Where superblocks lie, by md's magic number alone. One inside the data of a member of version
   * 1.2 is left out: it belongs to what the array holds.
   */
  public static ImmutableList<SectorRange> find(BlockDevice device) throws IOException {
    var reader = new AlignedReader(device);
    var places = new ArrayList<SectorRange>();
    ImmutableList<SuperblockRead> reads = SuperblockSearch.everywhere(reader);
    long[] sectors = SuperblockSearch.sectorsOfVersion1(reader.deviceSectors());
    for (int i = 0; i < sectors.length; i++) {
      if (!(reads.get(i) instanceof SuperblockRead.Absent)) {
        places.add(block(sectors[i]));
      }
    }
    SuperblockSearch.findOld(reader).ifPresent(sector -> places.add(block(sector)));
    if (reads.getFirst() instanceof SuperblockRead.Valid(Superblock member)) {
      places.removeIf(SectorRange.ofLength(member.dataOffset(), member.size())::overlaps);
    }
    return ImmutableList.copyOf(places);
  }

  /** The place of a superblock of version 1.2, whatever is there. */
  public static SectorRange usualPlace() {
    return block(Superblock.SUPER_OFFSET);
  }

  private static SectorRange block(long sector) {
    return SectorRange.ofLength(sector, SuperblockRules.BLOCK_SECTORS);
  }

  /**
   * Overwrites a place with zeroes, durably. What lies beside it in a larger block of the device is
   * kept, so nobody else may write there meanwhile.
   */
  public static void erase(BlockDevice device, SectorRange place) throws IOException {
    int minimum = device.blockSizes().minimum();
    long end = Math.min(place.startBytes() + place.lengthBytes(), device.sizeBytes());
    long from = place.startBytes() / minimum * minimum;
    long to = Math.ceilDiv(end, (long) minimum) * minimum;
    ByteBuffer blocks = AlignedBuffers.shared().acquire(Math.toIntExact(to - from));
    try {
      device.read(from, blocks);
      for (long at = place.startBytes(); at < end; at++) {
        blocks.put((int) (at - from), (byte) 0);
      }
      device.write(from, blocks.flip(), WriteOption.ONLY_DURABLE);
    } finally {
      AlignedBuffers.shared().release(blocks);
    }
  }
}
