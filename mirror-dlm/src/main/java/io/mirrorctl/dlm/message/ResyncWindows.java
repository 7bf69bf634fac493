package io.mirrorctl.dlm.message;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.core.block.SectorRange;
import java.util.List;

/**
 * Everything that one node is resyncing (decision D9 and schedule R15 of the design): each list
 * replaces the earlier one of the same node.
 *
 * @param ranges one or two, of 1 to 2^32 - 1 sectors each, none overlapping; the one announced last
 *     comes last
 * @param mask which granules of the last range are meant, the first being number 0; empty if all of
 *     it is
 */
public record ResyncWindows(List<SectorRange> ranges, Bits256 mask) {
  /** The most ranges of one node. */
  public static final int MAX_RANGES = 2;

  /** Sectors of the longest range. */
  public static final long MAX_SECTORS = 0xFFFF_FFFFL;

  public ResyncWindows {
    ranges = List.copyOf(ranges);
    checkArgument(
        !ranges.isEmpty() && ranges.size() <= MAX_RANGES,
        "a node resyncs one or two windows, not %s",
        ranges.size());
    for (SectorRange range : ranges) {
      checkArgument(
          !range.isEmpty() && range.length() <= MAX_SECTORS,
          "window %s has not 1 to %s sectors",
          range,
          MAX_SECTORS);
    }
    checkArgument(
        ranges.size() < MAX_RANGES || !ranges.get(0).overlaps(ranges.get(1)),
        "windows %s overlap",
        ranges);
    SectorRange last = ranges.getLast();
    checkArgument(
        mask.last() < Math.ceilDiv(last.length(), granuleSectors(last.length())),
        "mask %s reaches beyond window %s",
        mask,
        last);
  }

  /** The ranges, all of them. */
  public static ResyncWindows of(SectorRange... ranges) {
    return new ResyncWindows(List.of(ranges), Bits256.NONE);
  }

  /**
   * Sectors that one bit of the mask stands for in a range of this length: the smallest power of
   * two of which 256 cover it.
   */
  public static long granuleSectors(long rangeSectors) {
    long least = Math.ceilDiv(rangeSectors, (long) Bits256.SIZE);
    long power = Long.highestOneBit(least);
    return power == least ? power : power << 1;
  }

  /** Whether a sector of the range is in a window and not left out by the mask. */
  public boolean touches(SectorRange range) {
    SectorRange last = ranges.getLast();
    if (ranges.size() == MAX_RANGES && !ranges.getFirst().intersection(range).isEmpty()) {
      return true;
    }
    SectorRange common = last.intersection(range);
    if (common.isEmpty() || mask.isEmpty()) {
      return !common.isEmpty();
    }
    long granule = granuleSectors(last.length());
    int from = (int) ((common.start() - last.start()) / granule);
    int to = (int) ((common.end() - 1 - last.start()) / granule);
    return mask.stream().anyMatch(bit -> bit >= from && bit <= to);
  }
}
