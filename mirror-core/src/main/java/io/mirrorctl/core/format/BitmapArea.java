package io.mirrorctl.core.format;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkElementIndex;

import io.mirrorctl.core.block.SectorRange;

/**
 * Where the slots of a write-intent bitmap lie on a member, the same on every member of an array.
 *
 * @param startSector device sector of slot 0
 * @param geometry of each slot
 * @param slots number of slots, one unless clustered
 */
public record BitmapArea(long startSector, BitmapGeometry geometry, int slots) {

  public BitmapArea {
    checkArgument(startSector >= 0 && slots > 0, "%s slots at sector %s", slots, startSector);
  }

  /** Device byte at which a slot begins, its header first. */
  public long slotOffsetBytes(int slot) {
    checkElementIndex(slot, slots, "slot");
    return startSector * SectorRange.SECTOR_BYTES + slot * geometry.strideBytes();
  }

  /** Device byte of a page of 4096 bytes of a slot; page 0 begins with the header. */
  public long pageOffsetBytes(int slot, long page) {
    checkArgument(page >= 0 && page < geometry.pages(), "page %s of %s", page, geometry.pages());
    return slotOffsetBytes(slot) + page * BitmapGeometry.PAGE_BYTES;
  }

  /** Device sectors of one slot. */
  public SectorRange slotRange(int slot) {
    return SectorRange.ofLength(
        slotOffsetBytes(slot) / SectorRange.SECTOR_BYTES,
        geometry.strideBytes() / SectorRange.SECTOR_BYTES);
  }

  /** Device sectors of all slots. */
  public SectorRange range() {
    return SectorRange.ofLength(
        startSector, slots * (geometry.strideBytes() / SectorRange.SECTOR_BYTES));
  }
}
