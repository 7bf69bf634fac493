package io.mirrorctl.core.format;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;

/**
 * The bits of one slot as they were read from one member. Bits behind the last chunk have no
 * meaning on disk and are zero here.
 *
 * <p>Threading: immutable.
 */
public final class SlotImage {
  private final BitmapHeader header;
  private final BitmapGeometry geometry;
  private final byte[] bits;

  /**
   * @param bits {@code geometry.bitmapBytes()} bytes, given away by the caller
   */
  SlotImage(BitmapHeader header, byte[] bits) {
    this.header = header;
    this.geometry = header.geometry();
    checkArgument(bits.length == geometry.bitmapBytes(), "%s bytes of bits", bits.length);
    this.bits = bits;
    int used = (int) (geometry.chunks() & 7);
    if (used != 0) {
      bits[bits.length - 1] &= (byte) ((1 << used) - 1);
    }
  }

  /** The header of the slot. */
  public BitmapHeader header() {
    return header;
  }

  /** How the bits map to sectors. */
  public BitmapGeometry geometry() {
    return geometry;
  }

  /** Whether the chunk's bit is set. */
  public boolean isDirty(long chunk) {
    checkArgument(chunk >= 0 && chunk < geometry.chunks(), "chunk %s", chunk);
    return (bits[(int) (chunk >>> 3)] & (1 << (chunk & 7))) != 0;
  }

  /** Number of bits set. */
  public long dirtyChunks() {
    long count = 0;
    for (byte b : bits) {
      count += Integer.bitCount(b & 0xFF);
    }
    return count;
  }

  /** Runs of dirty chunks, ascending, apart from each other. */
  public ImmutableList<ChunkRange> dirtyRanges() {
    var ranges = ImmutableList.<ChunkRange>builder();
    long chunks = geometry.chunks();
    for (long first = next(0, true); first < chunks; ) {
      long end = next(first, false);
      ranges.add(new ChunkRange(first, end - 1));
      first = next(end, true);
    }
    return ranges.build();
  }

  private long next(long from, boolean dirty) {
    long chunks = geometry.chunks();
    byte skip = (byte) (dirty ? 0 : 0xFF);
    long chunk = from;
    while (chunk < chunks) {
      if ((chunk & 7) == 0 && bits[(int) (chunk >>> 3)] == skip) {
        chunk += 8;
      } else if (isDirty(chunk) == dirty) {
        return chunk;
      } else {
        chunk++;
      }
    }
    return chunks;
  }

  /** The bytes behind the header, chunk i at byte i / 8, bit i % 8; read-only. */
  public ByteBuffer bits() {
    return ByteBuffer.wrap(bits).asReadOnlyBuffer();
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof SlotImage other
        && header.equals(other.header)
        && Arrays.equals(bits, other.bits);
  }

  @Override
  public int hashCode() {
    return Objects.hash(header, Arrays.hashCode(bits));
  }

  @Override
  public String toString() {
    return "%s of %s chunks dirty".formatted(dirtyChunks(), geometry.chunks());
  }

  /**
   * A run of chunks.
   *
   * @param first the first one
   * @param last the last one, inclusive
   */
  public record ChunkRange(long first, long last) {}
}
