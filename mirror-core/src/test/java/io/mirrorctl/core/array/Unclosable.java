package io.mirrorctl.core.array;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;

/** A disk that stays open when its array gives it up, so that its power can be cut. */
record Unclosable(SimDisk disk) implements BlockDevice {
  @Override
  public String name() {
    return disk.name();
  }

  @Override
  public long sizeBytes() {
    return disk.sizeBytes();
  }

  @Override
  public BlockSizes blockSizes() {
    return disk.blockSizes();
  }

  @Override
  public Set<DeviceFeature> features() {
    return disk.features();
  }

  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    disk.read(offset, into);
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    disk.write(offset, from, options);
  }

  @Override
  public void flush() throws IOException {
    disk.flush();
  }

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    disk.discard(offset, length, options);
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    disk.writeZeroes(offset, length, options);
  }

  @Override
  public List<Extent> extents(long offset, long length) throws IOException {
    return disk.extents(offset, length);
  }

  @Override
  public void close() {}
}
