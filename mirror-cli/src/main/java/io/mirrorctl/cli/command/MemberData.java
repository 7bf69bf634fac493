package io.mirrorctl.cli.command;

import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockDevice.Extent;
import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The data area of one member, read by array sectors.
 *
 * <p>Threading: {@link #read} from any thread, {@link #zeroesFrom} from one.
 */
final class MemberData {
  private static final long LOOK_AHEAD = 1L << 40;

  private final BlockDevice device;
  private final long dataOffset;
  private long knownEnd;
  private boolean knownZero;

  /**
   * @param dataOffsetSectors where array sector 0 lies on the device
   */
  MemberData(BlockDevice device, long dataOffsetSectors) {
    this.device = device;
    this.dataOffset = dataOffsetSectors * SectorRange.SECTOR_BYTES;
  }

  /** Bytes that one read may have at most, whatever its place. */
  int longestRead() {
    BlockSpan span = span(0, SectorRange.SECTOR_BYTES);
    return Math.min(AlignedBuffers.LARGEST, device.blockSizes().maximum()) - 2 * span.block();
  }

  /**
   * How many bytes from there are known to be zeroes without reading them.
   *
   * @param from bytes of the array, never less than in the call before
   */
  long zeroesFrom(long from, long end) throws IOException {
    while (from + dataOffset >= knownEnd) {
      look(from, end);
    }
    return knownZero ? Math.min(end, knownEnd - dataOffset) - from : 0;
  }

  private void look(long from, long end) throws IOException {
    BlockSpan span = span(from, Math.min(end - from, LOOK_AHEAD));
    knownEnd = span.start();
    knownZero = true;
    for (Extent extent : device.extents(span.start(), span.length())) {
      if (knownEnd > span.start() && extent.zero() != knownZero) {
        break;
      }
      knownZero = extent.zero();
      knownEnd += extent.length();
    }
    if (knownEnd <= from + dataOffset) { // an extent inside one block of the device: read it
      knownZero = false;
      knownEnd = from + dataOffset + 1;
    }
  }

  /** A piece of the array in a pooled buffer. */
  Piece read(long from, int length) throws IOException {
    BlockSpan span = span(from, length);
    ByteBuffer buffer = AlignedBuffers.shared().acquire(Math.toIntExact(span.length()));
    try {
      device.read(span.start(), buffer);
    } catch (IOException | RuntimeException e) {
      AlignedBuffers.shared().release(buffer);
      throw e;
    }
    return new Piece(buffer, buffer.slice((int) (from + dataOffset - span.start()), length));
  }

  private BlockSpan span(long from, long length) {
    int block = device.blockSizes().minimum();
    long start = (from + dataOffset) / block * block;
    long end = Math.ceilDiv(from + dataOffset + length, (long) block) * block;
    return new BlockSpan(start, Math.min(end, device.sizeBytes()) - start, block);
  }

  /** Whole blocks of the device. */
  private record BlockSpan(long start, long length, int block) {}

  /**
   * What was read.
   *
   * @param buffer to be released
   * @param data the bytes that were asked for
   */
  record Piece(ByteBuffer buffer, ByteBuffer data) {
    void release() {
      AlignedBuffers.shared().release(buffer);
    }
  }
}
