package io.mirrorctl.core.format;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.core.block.SectorRange;

/**
 * How a write-intent bitmap divides an array into chunks, and what one slot takes on disk.
 *
 * @param syncSizeSectors sectors of the array the bitmap covers; positive
 * @param chunkBytes bytes one bit stands for; a power of two, at least 512
 */
public record BitmapGeometry(long syncSizeSectors, long chunkBytes) {
  /** Bytes of the header at the start of each slot. */
  public static final int HEADER_BYTES = 256;

  /** Slots begin at multiples of it, counted from slot 0. */
  public static final int PAGE_BYTES = 4096;

  /**
   * The most chunks that are supported: 32 MiB of bits for each slot. A larger array needs larger
   * chunks.
   */
  public static final long MAX_CHUNKS = 1L << 28;

  private static final int BITS_PER_BYTE = 8;

  /**
   * @throws IllegalArgumentException if the chunk size is no power of two or too small, or the
   *     array is empty
   */
  public BitmapGeometry {
    checkArgument(syncSizeSectors > 0, "a bitmap for %s sectors", syncSizeSectors);
    checkArgument(
        chunkBytes >= SectorRange.SECTOR_BYTES && Long.bitCount(chunkBytes) == 1,
        "bitmap chunk of %s bytes: must be a power of two, at least 512",
        chunkBytes);
  }

  /** Sectors one bit stands for. */
  public long chunkSectors() {
    return chunkBytes / SectorRange.SECTOR_BYTES;
  }

  /** Number of chunks; the last may be shorter than the others. */
  public long chunks() {
    return Math.ceilDiv(syncSizeSectors, chunkSectors());
  }

  /** Bytes of bits, without the header. */
  public long bitmapBytes() {
    return Math.ceilDiv(chunks(), BITS_PER_BYTE);
  }

  /** Bytes from one slot to the next. */
  public long strideBytes() {
    return Math.ceilDiv(HEADER_BYTES + bitmapBytes(), PAGE_BYTES) * PAGE_BYTES;
  }

  /** Pages of 4096 bytes in a slot, the header in the first. */
  public long pages() {
    return strideBytes() / PAGE_BYTES;
  }

  /** Whether this many chunks are supported. */
  public boolean isSupported() {
    return chunks() <= MAX_CHUNKS;
  }

  /**
   * This geometry.
   *
   * @throws IllegalArgumentException if it has more chunks than are supported; the message names
   *     the smallest chunk size that works
   */
  public BitmapGeometry requireSupported() {
    checkArgument(isSupported(), "%s", tooManyChunks());
    return this;
  }

  /** Why this geometry is not supported, and what would be, for people. */
  String tooManyChunks() {
    return "a bitmap of %s chunks is not supported, at most %s are: take chunks of at least %s bytes"
        .formatted(chunks(), MAX_CHUNKS, smallestChunkBytes(syncSizeSectors));
  }

  /** The smallest supported chunk size for an array of this many sectors. */
  public static long smallestChunkBytes(long syncSizeSectors) {
    long chunkBytes = SectorRange.SECTOR_BYTES;
    while (!new BitmapGeometry(syncSizeSectors, chunkBytes).isSupported()) {
      chunkBytes *= 2;
    }
    return chunkBytes;
  }

  /** The array sectors of a chunk. */
  public SectorRange chunkRange(long chunk) {
    checkArgument(chunk >= 0 && chunk < chunks(), "chunk %s of %s", chunk, chunks());
    long start = chunk * chunkSectors();
    return SectorRange.ofLength(start, Math.min(chunkSectors(), syncSizeSectors - start));
  }

  /** The chunk of the first sector of a range that is not empty. */
  public long firstChunk(SectorRange range) {
    checkInside(range);
    return range.start() / chunkSectors();
  }

  /** The chunk of the last sector of a range that is not empty. */
  public long lastChunk(SectorRange range) {
    checkInside(range);
    return (range.end() - 1) / chunkSectors();
  }

  private void checkInside(SectorRange range) {
    checkArgument(
        !range.isEmpty() && range.end() <= syncSizeSectors,
        "sectors %s are not inside the bitmap's %s",
        range,
        syncSizeSectors);
  }
}
