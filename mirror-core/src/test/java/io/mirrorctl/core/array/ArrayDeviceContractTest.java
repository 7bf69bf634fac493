package io.mirrorctl.core.array;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockDeviceContract;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.nio.ByteBuffer;
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
    LocalMirror mirror = ArrayRig.assemble(disks);
    return new WholeArray(mirror, mirror.device());
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
  private record WholeArray(LocalMirror mirror, BlockDevice device) implements BlockDevice {
    @Override
    public String name() {
      return device.name();
    }

    @Override
    public long sizeBytes() {
      return device.sizeBytes();
    }

    @Override
    public BlockSizes blockSizes() {
      return device.blockSizes();
    }

    @Override
    public Set<DeviceFeature> features() {
      return device.features();
    }

    @Override
    public void read(long offset, ByteBuffer into) throws IOException {
      device.read(offset, into);
    }

    @Override
    public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
      device.write(offset, from, options);
    }

    @Override
    public void flush() throws IOException {
      device.flush();
    }

    @Override
    public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
      device.discard(offset, length, options);
    }

    @Override
    public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
      device.writeZeroes(offset, length, options);
    }

    @Override
    public List<Extent> extents(long offset, long length) throws IOException {
      return device.extents(offset, length);
    }

    @Override
    public void close() throws IOException {
      mirror.close();
    }
  }
}
