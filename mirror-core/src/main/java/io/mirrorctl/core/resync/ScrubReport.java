package io.mirrorctl.core.resync;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.array.Mismatch;

/**
 * What a check or repair found.
 *
 * @param action check or repair
 * @param complete whether it came to the end of the array
 * @param checkedSectors sectors looked at
 * @param mismatchSectors sectors in which members differed
 * @param mismatches the ranges, ascending; the first {@link #MOST_RANGES} of them
 */
public record ScrubReport(
    String action,
    boolean complete,
    long checkedSectors,
    long mismatchSectors,
    ImmutableList<Mismatch> mismatches) {

  /** So many ranges are listed; all are counted. */
  public static final int MOST_RANGES = 100_000;
}
