package io.mirrorctl.core.format;

import com.google.common.collect.ImmutableSet;
import java.util.Arrays;

/** The bits of a superblock's {@code feature_map} that Linux knows; see md_p.h of the kernel. */
public enum Feature {
  /** {@code bitmap_offset} names a write-intent bitmap on this device. */
  BITMAP_OFFSET(0x1),
  /** This device is being rebuilt; {@code recovery_offset} says how far. */
  RECOVERY_OFFSET(0x2),
  /** The array changes its shape. */
  RESHAPE_ACTIVE(0x4),
  /** The bad-block log of this device is not empty. */
  BAD_BLOCKS(0x8),
  /** This device will replace the active one of the same role. */
  REPLACEMENT(0x10),
  /** The reshape runs from the end to the start. */
  RESHAPE_BACKWARDS(0x20),
  /** {@code new_offset} is to be added to the data offset after a reshape. */
  NEW_OFFSET(0x40),
  /** The rebuild of this device is guided by the bitmap: it was re-added. */
  RECOVERY_BITMAP(0x80),
  /** Several hosts may use the array at once. */
  CLUSTERED(0x100),
  /** The array has a write journal (RAID 4, 5 and 6). */
  JOURNAL(0x200),
  /** The array has a partial parity log (RAID 5). */
  PPL(0x400),
  /** More than one partial parity log. */
  MULTIPLE_PPLS(0x800),
  /** {@code layout} is meaningful on RAID 0. */
  RAID0_LAYOUT(0x1000);

  /** Every bit of this list; an array with any other bit must not be assembled. */
  public static final int KNOWN =
      Arrays.stream(values()).mapToInt(Feature::mask).reduce(0, (a, b) -> a | b);

  private final int mask;

  Feature(int mask) {
    this.mask = mask;
  }

  /** The bit of this feature in the {@code feature_map}. */
  public int mask() {
    return mask;
  }

  /** Whether this feature's bit is set in the map. */
  public boolean isIn(int featureMap) {
    return (featureMap & mask) != 0;
  }

  /** The known features of the map, in the order of their bits. */
  public static ImmutableSet<Feature> in(int featureMap) {
    return Arrays.stream(values())
        .filter(feature -> feature.isIn(featureMap))
        .collect(ImmutableSet.toImmutableSet());
  }
}
