package io.mirrorctl.it;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** A disk that leaves out every flush and forgets that a write is to be durable. */
final class FlushlessDisk implements BlockDevice {
  private final BlockDevice disk;

  FlushlessDisk(BlockDevice disk) {
    this.disk = disk;
  }

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
    disk.write(offset, from, withoutDurable(options));
  }

  @Override
  public void flush() {}

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    disk.discard(offset, length, withoutDurable(options));
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    disk.writeZeroes(offset, length, withoutDurable(options));
  }

  private static Set<WriteOption> withoutDurable(Set<WriteOption> options) {
    var rest = EnumSet.noneOf(WriteOption.class);
    rest.addAll(options);
    rest.remove(WriteOption.DURABLE);
    return rest;
  }

  @Override
  public List<Extent> extents(long offset, long length) throws IOException {
    return disk.extents(offset, length);
  }

  @Override
  public void close() throws IOException {
    disk.close();
  }
}
