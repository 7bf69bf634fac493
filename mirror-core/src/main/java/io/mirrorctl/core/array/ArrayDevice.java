package io.mirrorctl.core.array;

import com.google.common.collect.Sets;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * An array as its clients see it: requests of any alignment if one node has the array alone, of
 * whole sectors of its members if it is shared.
 */
final class ArrayDevice implements BlockDevice {
  private static final int MAX_REQUEST_BYTES = 32 << 20;
  private static final int PREFERRED_BYTES = 4096;

  private final String name;
  private final ArrayData data;
  private final BlockSizes sizes;
  private final boolean readOnly;

  /**
   * @param minimum bytes that every request is a multiple of
   * @param unit bytes in the members' largest sector
   */
  ArrayDevice(String name, ArrayData data, int minimum, int unit, boolean readOnly) {
    this.name = name;
    this.data = data;
    this.sizes = new BlockSizes(minimum, Math.max(unit, PREFERRED_BYTES), MAX_REQUEST_BYTES);
    this.readOnly = readOnly;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long sizeBytes() {
    return data.sizeBytes();
  }

  @Override
  public BlockSizes blockSizes() {
    return sizes;
  }

  @Override
  public Set<DeviceFeature> features() {
    EnumSet<DeviceFeature> features = EnumSet.of(DeviceFeature.SHARED_FLUSH);
    if (readOnly) {
      features.add(DeviceFeature.READ_ONLY);
      return Sets.immutableEnumSet(features);
    }
    if (data.everyMemberHas(DeviceFeature.DISCARD_ZEROES)) {
      features.add(DeviceFeature.DISCARD);
      features.add(DeviceFeature.DISCARD_ZEROES);
    }
    if (data.everyMemberHas(DeviceFeature.FAST_ZEROES)) {
      features.add(DeviceFeature.FAST_ZEROES);
    }
    return Sets.immutableEnumSet(features);
  }

  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    checkLength(into.remaining());
    checkWhole(offset, into.remaining());
    data.read(offset, into);
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    checkWritable();
    checkLength(from.remaining());
    checkWhole(offset, from.remaining());
    data.write(offset, from, options);
  }

  @Override
  public void flush() throws IOException {
    if (!readOnly) {
      data.flush();
    }
  }

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    checkWritable();
    checkWhole(offset, length);
    data.discard(offset, length, options);
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    checkWritable();
    checkWhole(offset, length);
    data.writeZeroes(offset, length, options);
  }

  @Override
  public List<Extent> extents(long offset, long length) throws IOException {
    return data.extents(offset, length);
  }

  private void checkWritable() throws DeviceException {
    if (readOnly) {
      throw new DeviceException(IoFailure.READ_ONLY, name + " was assembled read-only");
    }
  }

  /** To read, change and write a sector would undo what another node writes there (R21). */
  private void checkWhole(long offset, long length) throws DeviceException {
    if (((offset | length) & (sizes.minimum() - 1)) != 0) {
      throw new DeviceException(
          IoFailure.INVALID,
          "%s: %d bytes at %d are not whole blocks of %d bytes"
              .formatted(name, length, offset, sizes.minimum()));
    }
  }

  private void checkLength(int bytes) throws DeviceException {
    if (bytes > MAX_REQUEST_BYTES) {
      throw new DeviceException(
          IoFailure.INVALID,
          "%s: a request of %d bytes; at most %d are served"
              .formatted(name, bytes, MAX_REQUEST_BYTES));
    }
  }

  @Override
  public void close() {}
}
