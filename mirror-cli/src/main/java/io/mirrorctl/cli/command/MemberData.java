package io.mirrorctl.cli.command;

import com.google.common.collect.Range;
import com.google.common.collect.RangeSet;
import com.google.common.collect.TreeRangeSet;
import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockDevice.Extent;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BadBlockLog;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The data area of one member, read by array sectors.
 *
 * <p>Threading: {@link #read} from any thread, {@link #zeroesFrom} from one.
 */
final class MemberData {
  private static final int SECTOR = SectorRange.SECTOR_BYTES;
  private static final long LOOK_AHEAD = 1L << 40;

  /** A disk with more unreadable blocks than this is not searched for each of them: it dies. */
  private static final int MOST_SINGLE_BLOCKS = 4096;

  private static final int COARSE_BYTES = 64 << 10;

  private final BlockDevice device;
  private final long dataOffset;

  /** Bytes of the device; not changed once it is made. */
  private final RangeSet<Long> bad = TreeRangeSet.create();

  private final AtomicInteger failures = new AtomicInteger();
  private long knownEnd;
  private boolean knownZero;

  /**
   * @param dataOffsetSectors where array sector 0 lies on the device
   * @param badBlocks what is not to be read
   */
  MemberData(BlockDevice device, long dataOffsetSectors, BadBlockLog badBlocks) {
    this.device = device;
    this.dataOffset = dataOffsetSectors * SECTOR;
    badBlocks
        .ranges()
        .forEach(
            sectors -> bad.add(Range.closedOpen(sectors.startBytes(), sectors.end() * SECTOR)));
  }

  /** Bytes that one read may have at most, whatever its place. */
  int longestRead() {
    BlockSpan span = span(0, SECTOR);
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
    if (!knownZero) {
      return 0;
    }
    long zeroes = Math.min(end, knownEnd - dataOffset) - from;
    RangeSet<Long> within =
        bad.subRangeSet(Range.closedOpen(from + dataOffset, from + dataOffset + zeroes));
    return within.isEmpty() ? zeroes : within.span().lowerEndpoint() - dataOffset - from;
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

  /**
   * A piece of the array in a pooled buffer, as far as it can be read.
   *
   * @throws IOException if the device fails as a whole
   */
  Piece read(long from, int length) throws IOException {
    BlockSpan span = span(from, length);
    ByteBuffer buffer = AlignedBuffers.shared().acquire(Math.toIntExact(span.length()));
    try {
      int skipped = (int) (from + dataOffset - span.start());
      var piece = new Piece(buffer, buffer.slice(skipped, length), new BitSet(), new BitSet());
      long first = from + dataOffset;
      for (Range<Long> range :
          bad.subRangeSet(Range.closedOpen(first, first + length)).asRanges()) {
        piece
            .bad()
            .set(
                (int) ((range.lowerEndpoint() - first) / SECTOR),
                (int) ((range.upperEndpoint() - first) / SECTOR));
      }
      read(new Part(piece, skipped, span), 0, Math.toIntExact(span.length()));
      return piece;
    } catch (IOException | RuntimeException e) {
      AlignedBuffers.shared().release(buffer);
      throw e;
    }
  }

  /** What is read into which piece, whose data begins so many bytes behind the first block. */
  private record Part(Piece piece, int skipped, BlockSpan span) {}

  /** Reads a run of whole blocks; in halves if that fails, to find the blocks that are to blame. */
  private void read(Part part, int at, int length) throws IOException {
    BlockSpan span = part.span();
    long place = span.start() + at;
    Range<Long> bytes = Range.closedOpen(place, place + length);
    if (bad.encloses(bytes)) {
      return;
    }
    int smallest = failures.get() < MOST_SINGLE_BLOCKS ? span.block() : COARSE_BYTES;
    boolean splits = length > smallest;
    if (!splits || !bad.intersects(bytes)) {
      try {
        device.read(place, part.piece().buffer().slice(at, length));
        return;
      } catch (DeviceException e) {
        if (e.failure() != IoFailure.MEDIUM) {
          throw e;
        }
      }
    }
    if (splits) {
      int half = Math.ceilDiv(length / span.block(), 2) * span.block();
      read(part, at, half);
      read(part, at + half, length - half);
      return;
    }
    failures.incrementAndGet();
    int sectors = part.piece().data().remaining() / SECTOR;
    int first = Math.max(0, Math.floorDiv(at - part.skipped(), SECTOR));
    int end = Math.min(sectors, Math.ceilDiv(at + length - part.skipped(), SECTOR));
    part.piece().failed().set(Math.min(first, end), end);
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
   * @param failed sectors of these that the device cannot read
   * @param bad sectors of these that are in the bad-block log
   */
  record Piece(ByteBuffer buffer, ByteBuffer data, BitSet failed, BitSet bad) {

    /** Whether the data of this sector is the member's. */
    boolean knows(int sector) {
      return !failed.get(sector) && !bad.get(sector);
    }

    /** The bytes of one sector. */
    ByteBuffer sector(int sector) {
      return data.slice(sector * SECTOR, SECTOR);
    }

    void release() {
      AlignedBuffers.shared().release(buffer);
    }
  }
}
