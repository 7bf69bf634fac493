package io.mirrorctl.core.block;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * A half-open range of sectors of 512 bytes.
 *
 * @param start first sector
 * @param end first sector behind the range; equal to start if empty
 */
public record SectorRange(long start, long end) {

  /** Bytes in a sector, always: the unit of md metadata, whatever a disk's own sector size. */
  public static final int SECTOR_BYTES = 512;

  public SectorRange {
    checkArgument(start >= 0 && start <= end, "bad range %s..%s", start, end);
  }

  /** The range of {@code length} sectors from {@code start}. */
  public static SectorRange ofLength(long start, long length) {
    return new SectorRange(start, start + length);
  }

  /** The smallest range that holds these bytes. */
  public static SectorRange coveringBytes(long offset, long length) {
    return new SectorRange(offset / SECTOR_BYTES, Math.ceilDiv(offset + length, SECTOR_BYTES));
  }

  /** Sectors in the range. */
  public long length() {
    return end - start;
  }

  /** Bytes from the start of the device. */
  public long startBytes() {
    return start * SECTOR_BYTES;
  }

  /** Bytes in the range. */
  public long lengthBytes() {
    return length() * SECTOR_BYTES;
  }

  public boolean isEmpty() {
    return start == end;
  }

  /** Whether both ranges share a sector. */
  public boolean overlaps(SectorRange other) {
    return start < other.end && other.start < end;
  }

  /** Whether every sector of the other range is in this one. */
  public boolean contains(SectorRange other) {
    return start <= other.start && other.end <= end;
  }

  /** The sectors in both ranges; empty at the larger start if there are none. */
  public SectorRange intersection(SectorRange other) {
    long from = Math.max(start, other.start);
    return new SectorRange(from, Math.max(from, Math.min(end, other.end)));
  }

  /** As {@code start..last}, both inclusive, the way mdadm's users write it. */
  @Override
  public String toString() {
    return isEmpty() ? "empty at " + start : start + ".." + (end - 1);
  }
}
