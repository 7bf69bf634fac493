package io.mirrorctl.dlm.message;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.core.array.ClusterPort.Window;
import io.mirrorctl.core.block.SectorRange;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

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

  /**
   * These windows. Of the parts of the last one the mask is made, which covers them and, where it
   * is coarser, more; what the parts of the first one are was told when it was the last.
   */
  public static ResyncWindows of(List<Window> windows) {
    Window last = windows.getLast();
    List<SectorRange> ranges = windows.stream().map(Window::range).toList();
    return new ResyncWindows(ranges, last.parts().size() == 1 ? Bits256.NONE : mask(last));
  }

  private static Bits256 mask(Window window) {
    SectorRange range = window.range();
    long granule = granuleSectors(range.length());
    IntStream granules =
        window.parts().stream()
            .flatMapToInt(part ->
                IntStream.rangeClosed(
                    (int) ((part.start() - range.start()) / granule),
                    (int) ((part.end() - 1 - range.start()) / granule)));
    return Bits256.of(granules.distinct().toArray());
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

  /** What is meant of the last range: rising and apart from each other. */
  public List<SectorRange> lastParts() {
    SectorRange last = ranges.getLast();
    if (mask.isEmpty()) {
      return List.of(last);
    }
    long granule = granuleSectors(last.length());
    var parts = new ArrayList<SectorRange>();
    for (int bit : mask.stream().toArray()) {
      long start = last.start() + bit * granule;
      boolean adjoins = !parts.isEmpty() && parts.getLast().end() == start;
      long from = adjoins ? parts.removeLast().start() : start;
      parts.add(new SectorRange(from, Math.min(start + granule, last.end())));
    }
    return List.copyOf(parts);
  }
}
