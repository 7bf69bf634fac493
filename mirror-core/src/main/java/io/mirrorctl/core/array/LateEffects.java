package io.mirrorctl.core.array;

import static com.google.common.collect.ImmutableSet.toImmutableSet;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What late writes may have done to an array: to its data, or to what its members tell about it.
 *
 * @param data sectors of the array in which its members may differ
 * @param metadata whether a superblock or a bitmap may hold something older than was written last
 */
public record LateEffects(List<SectorRange> data, boolean metadata) {

  public LateEffects {
    data = List.copyOf(data);
  }

  /** Looks at the disks as they are, before they are assembled. */
  public static LateEffects of(List<LateRange> late, List<? extends BlockDevice> devices)
      throws IOException {
    List<SectorRange> data = new ArrayList<>();
    boolean metadata = false;
    Set<String> known = devices.stream().map(BlockDevice::name).collect(toImmutableSet());
    for (BlockDevice device : devices) {
      List<SectorRange> there =
          late.stream()
              .filter(range -> range.disk().equals(device.name()) || !known.contains(range.disk()))
              .map(LateRange::sectors)
              .toList();
      if (there.isEmpty()) {
        continue;
      }
      Superblock own = Candidate.read(device).superblock();
      for (SectorRange sectors : there) {
        metadata |= sectors.start() < own.dataOffset();
        SectorRange inData = sectors.intersection(dataOf(own));
        if (!inData.isEmpty()) {
          data.add(SectorRange.ofLength(inData.start() - own.dataOffset(), inData.length()));
        }
      }
    }
    return new LateEffects(data, metadata);
  }

  private static SectorRange dataOf(Superblock own) {
    return SectorRange.ofLength(own.dataOffset(), own.size());
  }
}
