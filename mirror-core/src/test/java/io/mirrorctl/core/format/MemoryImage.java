package io.mirrorctl.core.format;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Set;

/**
 * A read-only device: some bytes from its start, zeroes behind them. It refuses what real devices
 * refuse: unaligned requests, memory that is no good for direct I/O.
 */
final class MemoryImage implements BlockDevice {
  private static final byte[] ZEROES = new byte[1 << 17];

  private final byte[] head;
  private final long size;
  private final BlockSizes sizes;
  private long bytesRead;

  MemoryImage(byte[] head, long size, int minimumBlock) {
    this.head = head;
    this.size = size / minimumBlock * minimumBlock;
    this.sizes = new BlockSizes(minimumBlock, Math.max(4096, minimumBlock), ZEROES.length);
  }

  MemoryImage(byte[] image) {
    this(image, image.length, 512);
  }

  /** All bytes that were asked for so far. */
  long bytesRead() {
    return bytesRead;
  }

  @Override
  public String name() {
    return "image";
  }

  @Override
  public long sizeBytes() {
    return size;
  }

  @Override
  public BlockSizes blockSizes() {
    return sizes;
  }

  @Override
  public Set<DeviceFeature> features() {
    return Set.of(DeviceFeature.READ_ONLY);
  }

  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    int length = into.remaining();
    if (offset < 0
        || length > size - offset
        || offset % sizes.minimum() != 0
        || length % sizes.minimum() != 0
        || length > sizes.maximum()
        || !into.isDirect()
        || into.alignmentOffset(into.position(), sizes.minimum()) != 0) {
      throw new DeviceException(
          IoFailure.INVALID, "bad request: %s bytes at %s of %s".formatted(length, offset, size));
    }
    bytesRead += length;
    int stored = Math.clamp(head.length - offset, 0, length);
    if (stored > 0) {
      into.put(head, (int) offset, stored);
    }
    into.put(ZEROES, 0, length - stored);
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    throw readOnly();
  }

  @Override
  public void flush() {}

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    throw readOnly();
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    throw readOnly();
  }

  @Override
  public void close() {}

  private static DeviceException readOnly() {
    return new DeviceException(IoFailure.READ_ONLY, "the image is read-only");
  }
}
