package io.mirrorctl.core.array;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

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
    for (LateRange range : late) {
      for (BlockDevice device : devices) {
        boolean known = devices.stream().anyMatch(d -> d.name().equals(range.disk()));
        if (!known || device.name().equals(range.disk())) {
          Superblock own = Candidate.read(device).superblock();
          metadata |= range.sectors().start() < own.dataOffset();
          SectorRange inData = range.sectors().intersection(dataOf(own));
          if (!inData.isEmpty()) {
            data.add(SectorRange.ofLength(inData.start() - own.dataOffset(), inData.length()));
          }
        }
      }
    }
    return new LateEffects(data, metadata);
  }

  private static SectorRange dataOf(Superblock own) {
    return SectorRange.ofLength(own.dataOffset(), own.size());
  }

  public boolean isNone() {
    return data.isEmpty() && !metadata;
  }
}
