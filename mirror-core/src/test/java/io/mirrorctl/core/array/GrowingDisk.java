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

/** A disk that shows less than there is until it grows by 2 MiB. */
final class GrowingDisk implements BlockDevice {
  private static final long MORE = 2L << 20;

  private final SimDisk disk;
  private volatile boolean grown;
  private volatile long sizeBytes;

  /**
   * @param small what was written so far
   */
  GrowingDisk(SimDisk small) {
    this(new SimDisk(small.name(), small.sizeBytes() + MORE), small.sizeBytes());
    for (long at = 0; at < small.sizeBytes(); at += 1 << 20) {
      disk.corrupt(at, small.peek(at, 1 << 20));
    }
  }

  private GrowingDisk(SimDisk disk, long sizeBytes) {
    this.disk = disk;
    this.sizeBytes = sizeBytes;
  }

  void grow() {
    grown = true;
  }

  GrowingDisk reopen() {
    return new GrowingDisk(disk.reopen(), disk.sizeBytes());
  }

  @Override
  public long remeasure() {
    if (grown) {
      sizeBytes = disk.sizeBytes();
    }
    return sizeBytes;
  }

  @Override
  public String name() {
    return disk.name();
  }

  @Override
  public long sizeBytes() {
    return sizeBytes;
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
  public void close() throws IOException {
    disk.close();
  }
}
