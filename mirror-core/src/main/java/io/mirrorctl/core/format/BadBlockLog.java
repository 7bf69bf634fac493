package io.mirrorctl.core.format;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.Range;
import com.google.common.collect.RangeSet;
import com.google.common.collect.TreeRangeSet;
import io.mirrorctl.core.block.SectorRange;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * The sectors of one member that cannot be read and must not be served from it.
 *
 * <p>On disk: entries of 64 bits, {@code start << 10 | length}, in units of {@code 1 <<
 * bblog_shift} sectors, ended by an entry of all ones or the end of the log.
 *
 * @param ranges device sectors, data offset included; ascending, apart from each other, none empty
 */
public record BadBlockLog(ImmutableList<SectorRange> ranges) {
  /** Nothing is bad. */
  public static final BadBlockLog EMPTY = new BadBlockLog(ImmutableList.of());

  /** The longest run one entry may hold, in units. */
  static final int MAX_ENTRY_UNITS = 512;

  private static final int LENGTH_BITS = 10;
  private static final long LENGTH_MASK = (1L << LENGTH_BITS) - 1;
  private static final int MAX_SHIFT = 53;
  private static final long END = -1L;

  public BadBlockLog {
    long from = 0;
    for (SectorRange range : ranges) {
      checkArgument(
          !range.isEmpty() && range.start() >= from, "bad blocks not in order at %s", range);
      from = range.end() + 1;
    }
  }

  /** A log of these ranges, in any order, overlapping or not. */
  public static BadBlockLog of(Iterable<SectorRange> ranges) {
    RangeSet<Long> set = TreeRangeSet.create();
    ranges.forEach(range -> set.add(toRange(range)));
    return of(set);
  }

  private static BadBlockLog of(RangeSet<Long> set) {
    return new BadBlockLog(
        set.asRanges().stream()
            .map(range -> new SectorRange(range.lowerEndpoint(), range.upperEndpoint()))
            .collect(ImmutableList.toImmutableList()));
  }

  private static Range<Long> toRange(SectorRange range) {
    return Range.closedOpen(range.start(), range.end());
  }

  private RangeSet<Long> toSet() {
    RangeSet<Long> set = TreeRangeSet.create();
    ranges.forEach(range -> set.add(toRange(range)));
    return set;
  }

  public boolean isEmpty() {
    return ranges.isEmpty();
  }

  /** Whether any of these device sectors is bad. */
  public boolean overlaps(SectorRange sectors) {
    return ranges.stream().anyMatch(sectors::overlaps);
  }

  /** This log and these device sectors. */
  public BadBlockLog with(SectorRange sectors) {
    RangeSet<Long> set = toSet();
    set.add(toRange(sectors));
    return of(set);
  }

  /** This log without these device sectors: they were written again. */
  public BadBlockLog without(SectorRange sectors) {
    RangeSet<Long> set = toSet();
    set.remove(toRange(sectors));
    return of(set);
  }

  /**
   * Reads a log.
   *
   * @param bytes the whole log, position at its start; not changed
   * @param shift the superblock's {@code bblog_shift}
   * @param deviceSectors size of the device
   */
  public static BadBlockLogRead decode(ByteBuffer bytes, int shift, long deviceSectors) {
    if (shift < 0 || shift > MAX_SHIFT) {
      return new BadBlockLogRead.Corrupt("bblog_shift", "0.." + MAX_SHIFT, Integer.toString(shift));
    }
    ByteBuffer b = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
    long deviceUnits = deviceSectors >>> shift;
    List<SectorRange> found = new ArrayList<>();
    for (int at = 0; at + Long.BYTES <= b.limit(); at += Long.BYTES) {
      long entry = b.getLong(at);
      if (entry == END) {
        break;
      }
      long start = entry >>> LENGTH_BITS;
      long length = entry & LENGTH_MASK;
      if (length == 0) {
        return corrupt(at, "a length of at least 1", "%s+%s".formatted(start, length));
      }
      if (start >= deviceUnits || length > deviceUnits - start) {
        return corrupt(
            at, "a place on the device", "%s+%s, shift %s".formatted(start, length, shift));
      }
      found.add(SectorRange.ofLength(start << shift, length << shift));
    }
    return new BadBlockLogRead.Valid(of(found));
  }

  private static BadBlockLogRead corrupt(int at, String expected, String found) {
    return new BadBlockLogRead.Corrupt("bad block entry " + at / Long.BYTES, expected, found);
  }

  /** Whether this log can be written into that many sectors. */
  public boolean fits(int shift, int bblogSectors) {
    return entries(shift) <= (long) bblogSectors * SectorRange.SECTOR_BYTES / Long.BYTES;
  }

  private long entries(int shift) {
    return ranges.stream()
        .mapToLong(r -> Math.ceilDiv(units(r, shift).length(), MAX_ENTRY_UNITS))
        .sum();
  }

  /** The range in units of the log, widened to whole ones: too much is safe, too little is not. */
  private static SectorRange units(SectorRange range, int shift) {
    return new SectorRange(range.start() >>> shift, ((range.end() - 1) >>> shift) + 1);
  }

  /**
   * The bytes of this log, little-endian, filled up with ones.
   *
   * @throws IllegalArgumentException if it does not {@linkplain #fits fit}
   */
  public ByteBuffer encode(int shift, int bblogSectors) {
    checkArgument(shift >= 0 && shift <= MAX_SHIFT, "bblog_shift %s", shift);
    checkArgument(
        fits(shift, bblogSectors),
        "%s bad blocks do not fit into a log of %s sectors",
        entries(shift),
        bblogSectors);
    ByteBuffer b =
        ByteBuffer.allocate(bblogSectors * SectorRange.SECTOR_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (SectorRange range : ranges) {
      SectorRange units = units(range, shift);
      for (long start = units.start(); start < units.end(); start += MAX_ENTRY_UNITS) {
        b.putLong((start << LENGTH_BITS) | Math.min(MAX_ENTRY_UNITS, units.end() - start));
      }
    }
    while (b.hasRemaining()) {
      b.putLong(END);
    }
    return b.flip();
  }
}
