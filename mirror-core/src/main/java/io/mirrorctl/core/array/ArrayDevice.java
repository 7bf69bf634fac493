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

/** An array as its clients see it: requests of any alignment, as one node has the array alone. */
final class ArrayDevice implements BlockDevice {
  private static final int MAX_REQUEST_BYTES = 32 << 20;
  private static final int PREFERRED_BYTES = 4096;

  private final String name;
  private final ArrayData data;
  private final BlockSizes sizes;
  private final boolean readOnly;

  ArrayDevice(String name, ArrayData data, int unit, boolean readOnly) {
    this.name = name;
    this.data = data;
    this.sizes = new BlockSizes(1, Math.max(unit, PREFERRED_BYTES), MAX_REQUEST_BYTES);
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
    data.read(offset, into);
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    checkWritable();
    checkLength(from.remaining());
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
    data.discard(offset, length, options);
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    checkWritable();
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
