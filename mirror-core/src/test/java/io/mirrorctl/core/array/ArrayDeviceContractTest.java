package io.mirrorctl.core.array;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockDeviceContract;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.ForwardingDevice;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Nested;

/** An array is a block device like any other. */
class ArrayDeviceContractTest {

  private static BlockDevice array(int sector, Set<DeviceFeature> features) throws IOException {
    List<SimDisk> disks =
        List.of(new SimDisk("disk0", 56L << 20, sector), new SimDisk("disk1", 56L << 20, sector));
    disks.forEach(disk -> disk.features(features));
    ArrayRig.createArray(BitmapKind.INTERNAL, disks);
    return new WholeArray(ArrayRig.assemble(disks));
  }

  @Nested
  class OnDisksWithSectorsOf512 extends BlockDeviceContract {
    @Override
    protected BlockDevice open() throws IOException {
      return array(512, EnumSet.of(DeviceFeature.DISCARD, DeviceFeature.DISCARD_ZEROES));
    }
  }

  @Nested
  class OnDisksWithSectorsOf4096 extends BlockDeviceContract {
    @Override
    protected BlockDevice open() throws IOException {
      return array(4096, EnumSet.of(DeviceFeature.FAST_ZEROES));
    }
  }

  /** Closes the array with its device. */
  private static final class WholeArray extends ForwardingDevice {
    private final LocalMirror mirror;

    WholeArray(LocalMirror mirror) {
      super(mirror.device());
      this.mirror = mirror;
    }

    @Override
    public void close() throws IOException {
      mirror.close();
    }
  }
}
