package io.mirrorctl.core.format;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.core.block.SectorRange;
import java.util.Optional;

/**
 * Where everything lies on a new member of version 1.2, by mdadm's own rules; only where mdadm
 * would find no room for many slots or small chunks is the data moved further back.
 *
 * @param deviceSectors size of the device
 * @param dataOffset first data sector
 * @param dataSize sectors for data on this device
 * @param size sectors of it the array uses; even, since mdadm counts in KiB
 * @param bitmapKind clustered, internal or none
 * @param bitmapChunkBytes bytes one bit stands for; 0 without bitmap
 * @param slots number of bitmap slots; 0 without bitmap
 * @param bblogOffset sectors from superblock to bad-block log; 0 if there is none
 * @param bblogSize sectors of the bad-block log; 0 if there is none
 */
public record MemberLayout(
    long deviceSectors,
    long dataOffset,
    long dataSize,
    long size,
    BitmapKind bitmapKind,
    long bitmapChunkBytes,
    int slots,
    int bblogOffset,
    int bblogSize) {

  /** Sectors from the superblock to the bitmap. */
  public static final int BITMAP_OFFSET = 8;

  /** The number of slots mdadm gives a clustered array. */
  public static final int DEFAULT_NODES = 4;

  /** The smallest chunk size for a new bitmap, as in mdadm. */
  public static final long MIN_CHUNK_BYTES = 4096;

  /** The largest chunk size: its field has 32 bits. */
  public static final long MAX_CHUNK_BYTES = 1L << 31;

  private static final long DEFAULT_CHUNK_BYTES = 64L << 20;
  private static final long SUPER_OFFSET = Superblock.SUPER_OFFSET;
  private static final int BBLOG_SECTORS = 8;
  private static final long MIN_DATA_SECTORS = 10;
  private static final long MIB_SECTORS = 2048;
  private static final long GIB_SECTORS = 1024 * MIB_SECTORS;

  /** Whether a layout could be found. */
  public sealed interface Outcome {
    record Fits(MemberLayout layout) implements Outcome {}

    /**
     * There is none.
     *
     * @param reason what stands against it and what would help, for people
     */
    record Refused(String reason) implements Outcome {}
  }

  /**
   * Lays out a new member. For a new array, lay out its smallest member and put the others beside
   * it by {@link #on}.
   *
   * @param deviceSectors size of the device
   * @param sizeSectors sectors the array is to use of each member; 0 for as many as possible
   * @param kind of bitmap
   * @param nodes slots of a clustered bitmap, 2 to {@link BitmapHeaderCodec#MAX_NODES}; not looked
   *     at otherwise
   * @param chunkBytes bitmap chunk; 0 for mdadm's default
   */
  public static Outcome plan(
      long deviceSectors, long sizeSectors, BitmapKind kind, int nodes, long chunkBytes) {
    checkArgument(deviceSectors >= 0, "a device of %s sectors", deviceSectors);
    Optional<String> badInput = objection(sizeSectors, kind, nodes, chunkBytes);
    if (badInput.isPresent()) {
      return new Outcome.Refused(badInput.get());
    }
    long dataOffset = defaultDataOffset(deviceSectors);
    long size = evenSize(deviceSectors, dataOffset, sizeSectors);
    if (size < MIN_DATA_SECTORS || size > deviceSectors - dataOffset) {
      return tooSmall(deviceSectors, dataOffset, sizeSectors);
    }
    if (kind == BitmapKind.NONE) {
      return outcome(deviceSectors, dataOffset, sizeSectors, kind, 0, 0);
    }
    long chunk = chunkBytes == 0 ? defaultChunkBytes(size) : chunkBytes;
    BitmapGeometry geometry = new BitmapGeometry(size, chunk);
    if (!geometry.isSupported()) {
      return new Outcome.Refused(geometry.tooManyChunks());
    }
    int slots = kind == BitmapKind.CLUSTERED ? nodes : 1;
    long behindBitmap = kind == BitmapKind.INTERNAL ? BBLOG_SECTORS : ClaimArea.sectors(slots);
    long needed = bitmapEnd(geometry, slots) + behindBitmap;
    if (needed > dataOffset) {
      dataOffset = Math.ceilDiv(needed, MIB_SECTORS) * MIB_SECTORS;
    }
    return outcome(deviceSectors, dataOffset, sizeSectors, kind, chunk, slots);
  }

  private static Outcome outcome(
      long deviceSectors,
      long dataOffset,
      long sizeSectors,
      BitmapKind kind,
      long chunkBytes,
      int slots) {
    long size = evenSize(deviceSectors, dataOffset, sizeSectors);
    if (size < MIN_DATA_SECTORS || size > deviceSectors - dataOffset) {
      return tooSmall(deviceSectors, dataOffset, sizeSectors);
    }
    long bblog = bblogOffset(size, kind, chunkBytes);
    return new Outcome.Fits(
        new MemberLayout(
            deviceSectors,
            dataOffset,
            deviceSectors - dataOffset,
            size,
            kind,
            chunkBytes,
            slots,
            (int) bblog,
            bblog == 0 ? 0 : BBLOG_SECTORS));
  }

  private static Optional<String> objection(
      long sizeSectors, BitmapKind kind, int nodes, long chunkBytes) {
    if (sizeSectors < 0) {
      return Optional.of("a size of %s sectors".formatted(sizeSectors));
    }
    if (kind == BitmapKind.CLUSTERED && (nodes < 2 || nodes > BitmapHeaderCodec.MAX_NODES)) {
      return Optional.of(
          "%s nodes: a clustered bitmap has 2 to %s".formatted(nodes, BitmapHeaderCodec.MAX_NODES));
    }
    boolean chunkFits =
        chunkBytes == 0
            || (Long.bitCount(chunkBytes) == 1
                && chunkBytes >= MIN_CHUNK_BYTES
                && chunkBytes <= MAX_CHUNK_BYTES);
    return chunkFits
        ? Optional.empty()
        : Optional.of(
            "a bitmap chunk of %s bytes: must be a power of two from %s to %s"
                .formatted(chunkBytes, MIN_CHUNK_BYTES, MAX_CHUNK_BYTES));
  }

  private static Outcome tooSmall(long deviceSectors, long dataOffset, long sizeSectors) {
    return new Outcome.Refused(
        "too small: the device has %s sectors; metadata takes %s and data %s"
            .formatted(
                deviceSectors,
                dataOffset,
                sizeSectors == 0 ? "at least " + MIN_DATA_SECTORS : sizeSectors));
  }

  private static long evenSize(long deviceSectors, long dataOffset, long sizeSectors) {
    return (sizeSectors == 0 ? deviceSectors - dataOffset : sizeSectors) & ~1L;
  }

  private static long bitmapEnd(BitmapGeometry geometry, int slots) {
    return new BitmapArea(SUPER_OFFSET + BITMAP_OFFSET, geometry, slots).range().end();
  }

  /** Directly behind the bitmap, or the place of one; before 1 MiB of data there is always room. */
  private static long bblogOffset(long size, BitmapKind kind, long chunkBytes) {
    return switch (kind) {
      case CLUSTERED -> 0;
      case INTERNAL ->
          BITMAP_OFFSET
              + new BitmapGeometry(size, chunkBytes).strideBytes() / SectorRange.SECTOR_BYTES;
      case NONE -> BITMAP_OFFSET + bitmapSpace(size);
    };
  }

  /** mdadm's choice of the first data sector for a device. */
  static long defaultDataOffset(long deviceSectors) {
    long headroom = 128 * MIB_SECTORS;
    while (headroom << 10 > deviceSectors) {
      headroom >>= 1;
    }
    return Math.ceilDiv(24 + bitmapSpace(deviceSectors) + headroom, MIB_SECTORS) * MIB_SECTORS;
  }

  private static long bitmapSpace(long sectors) {
    if (sectors < 128) {
      return 0;
    }
    if (sectors - 128 >= 200 * GIB_SECTORS) {
      return 256;
    }
    return sectors - 8 > 8 * GIB_SECTORS ? 128 : 8;
  }

  /** mdadm's choice of the bitmap chunk for an array of this size. */
  static long defaultChunkBytes(long sizeSectors) {
    long room = Math.max(BITMAP_OFFSET, bitmapSpace(sizeSectors)) * SectorRange.SECTOR_BYTES;
    long maxBits = (room - BitmapGeometry.HEADER_BYTES) * 8;
    long chunk = MIN_CHUNK_BYTES;
    long bits = sizeSectors / (chunk / SectorRange.SECTOR_BYTES) + 1;
    while (bits > maxBits) {
      chunk *= 2;
      bits = (bits + 1) / 2;
    }
    return Math.max(chunk, DEFAULT_CHUNK_BYTES);
  }

  /**
   * The same layout on another device of the array: equal in all but the device's own size.
   *
   * @param otherDeviceSectors size of that device
   */
  public Outcome on(long otherDeviceSectors) {
    long otherDataSize = otherDeviceSectors - dataOffset;
    return otherDataSize < size
        ? tooSmall(otherDeviceSectors, dataOffset, size)
        : new Outcome.Fits(
            new MemberLayout(
                otherDeviceSectors,
                dataOffset,
                otherDataSize,
                size,
                bitmapKind,
                bitmapChunkBytes,
                slots,
                bblogOffset,
                bblogSize));
  }

  /** Where the slots lie; empty without bitmap. */
  public Optional<BitmapArea> bitmapArea() {
    return bitmapKind == BitmapKind.NONE
        ? Optional.empty()
        : Optional.of(
            new BitmapArea(
                SUPER_OFFSET + BITMAP_OFFSET, new BitmapGeometry(size, bitmapChunkBytes), slots));
  }

  /** Where nodes write that they have the array in use; only on clustered arrays. */
  public Optional<ClaimArea> claimArea() {
    return bitmapKind == BitmapKind.CLUSTERED
        ? Optional.of(new ClaimArea(dataOffset - ClaimArea.sectors(slots), slots))
        : Optional.empty();
  }
}
