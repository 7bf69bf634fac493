package io.mirrorctl.core.array;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongPredicate;

/** A planted bug: some flushes are answered and not done. */
final class LazyDisk implements BlockDevice {
  private final BlockDevice disk;
  private final boolean flushes;
  private final LongPredicate durable;

  /**
   * @param flushes whether {@link #flush} is done
   * @param durable at which offsets writes that are to be durable are
   */
  LazyDisk(BlockDevice disk, boolean flushes, LongPredicate durable) {
    this.disk = disk;
    this.flushes = flushes;
    this.durable = durable;
  }

  private Set<WriteOption> options(long offset, Set<WriteOption> asked) {
    if (durable.test(offset) || !asked.contains(WriteOption.DURABLE)) {
      return asked;
    }
    Set<WriteOption> left = EnumSet.copyOf(asked);
    left.remove(WriteOption.DURABLE);
    return left;
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
    disk.write(offset, from, options(offset, options));
  }

  @Override
  public void flush() throws IOException {
    if (flushes) {
      disk.flush();
    }
  }

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    disk.discard(offset, length, options(offset, options));
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    disk.writeZeroes(offset, length, options(offset, options));
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
