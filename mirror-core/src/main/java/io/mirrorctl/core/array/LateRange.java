package io.mirrorctl.core.array;

import io.mirrorctl.core.block.SectorRange;

/**
 * Sectors of a disk that a write may have reached after its node counted as dead, so that others
 * did not expect it any more.
 *
 * @param disk as the node knows it
 * @param sectors of the disk
 */
public record LateRange(String disk, SectorRange sectors) {
  /** All sectors of all disks. */
  public static final LateRange EVERYTHING =
      new LateRange("", new SectorRange(0, Long.MAX_VALUE / SectorRange.SECTOR_BYTES));
}
