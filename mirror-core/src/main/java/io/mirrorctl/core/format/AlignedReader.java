package io.mirrorctl.core.format;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Reads any bytes of a device by requests it accepts: aligned to its minimum block, no longer than
 * its maximum, into memory fit for direct I/O. What lies behind the end of the device is left out.
 */
final class AlignedReader {
  private static final int MEMORY_ALIGNMENT = 4096;

  private final BlockDevice device;
  private final int minimum;
  private ByteBuffer buffer = ByteBuffer.allocate(0);

  AlignedReader(BlockDevice device) {
    this.device = device;
    this.minimum = device.blockSizes().minimum();
  }

  long deviceSectors() {
    return device.sizeBytes() / SectorRange.SECTOR_BYTES;
  }

  /**
   * The bytes from the offset, fewer than asked for only at the end of the device, little-endian;
   * good until the next call.
   */
  ByteBuffer read(long offset, int length) throws IOException {
    long size = device.sizeBytes();
    long end = Math.min(size, offset + length);
    if (offset >= end) {
      return ByteBuffer.allocate(0);
    }
    long from = offset / minimum * minimum;
    long to = Math.ceilDiv(end, minimum) * minimum;
    ByteBuffer into = room(Math.toIntExact(to - from));
    int largest = device.blockSizes().maximum();
    for (long at = from; at < to; ) {
      int step = (int) Math.min(largest, to - at);
      device.read(at, into.slice((int) (at - from), step));
      at += step;
    }
    return into.slice((int) (offset - from), (int) (end - offset)).order(ByteOrder.LITTLE_ENDIAN);
  }

  private ByteBuffer room(int length) {
    if (buffer.capacity() < length) {
      int alignment = Math.max(MEMORY_ALIGNMENT, minimum);
      int whole = Math.ceilDiv(length, alignment) * alignment; // a slice ends aligned, too
      buffer = ByteBuffer.allocateDirect(whole + alignment).alignedSlice(alignment);
    }
    return buffer.clear();
  }
}
