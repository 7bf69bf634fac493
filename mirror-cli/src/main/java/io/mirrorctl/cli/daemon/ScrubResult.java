package io.mirrorctl.cli.daemon;

import io.mirrorctl.core.array.Mismatch;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.resync.ScrubReport;
import java.util.List;

/**
 * What a check or repair found.
 *
 * @param action check or repair
 * @param complete whether it came to the end of the array
 * @param mismatchBytes bytes of the array in which members differed
 * @param mismatches the ranges, ascending; the first 100000
 */
public record ScrubResult(
    String action,
    boolean complete,
    long checkedBytes,
    long mismatchBytes,
    List<Range> mismatches) {

  /**
   * A range in which members differed.
   *
   * @param firstSector of 512 bytes, from the start of the array
   * @param lastSector belongs to the range
   * @param groups disks; those in one group hold the same data
   */
  public record Range(long firstSector, long lastSector, List<List<String>> groups) {}

  static ScrubResult of(ScrubReport report) {
    return new ScrubResult(
        report.action(),
        report.complete(),
        report.checkedSectors() * SectorRange.SECTOR_BYTES,
        report.mismatchSectors() * SectorRange.SECTOR_BYTES,
        report.mismatches().stream().map(ScrubResult::range).toList());
  }

  private static Range range(Mismatch mismatch) {
    return new Range(
        mismatch.range().start(),
        mismatch.range().end() - 1,
        mismatch.groups().stream().map(List::<String>copyOf).toList());
  }
}
