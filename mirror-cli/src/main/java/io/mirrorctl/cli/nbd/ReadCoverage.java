package io.mirrorctl.cli.nbd;

import java.util.TreeMap;

/**
 * Which bytes of one read have been answered, as the chunks of a structured reply arrive in any
 * order.
 *
 * <p>Memory is bounded whatever a server sends: it may not leave more than {@link #MAX_PIECES}
 * separate pieces at a time.
 */
final class ReadCoverage {
  /** Many times what any real server leaves open at once. */
  static final int MAX_PIECES = 4096;

  private final long length;

  /** Start to end of each piece; pieces neither overlap nor touch. */
  private final TreeMap<Long, Long> pieces = new TreeMap<>();

  ReadCoverage(long length) {
    this.length = length;
  }

  /**
   * Adds a piece.
   *
   * @param start from the first byte of the read
   * @param size at least one byte
   * @throws ProtocolViolation if it lies outside the read or over an earlier one
   */
  void add(long start, long size) throws ProtocolViolation {
    if (start < 0 || size <= 0 || start > length || size > length - start) {
      throw new ProtocolViolation(
          "a chunk of %d bytes at %d in a read of %d bytes".formatted(size, start, length));
    }
    long end = start + size;
    var before = pieces.floorEntry(start);
    var after = pieces.ceilingEntry(start);
    if ((before != null && before.getValue() > start) || (after != null && after.getKey() < end)) {
      throw new ProtocolViolation("two chunks of one read overlap at byte " + start);
    }
    long mergedStart = start;
    long mergedEnd = end;
    if (before != null && before.getValue() == start) {
      mergedStart = before.getKey();
    }
    if (after != null && after.getKey() == end) {
      mergedEnd = after.getValue();
      pieces.remove(after.getKey());
    }
    pieces.put(mergedStart, mergedEnd);
    if (pieces.size() > MAX_PIECES) {
      throw new ProtocolViolation("a read is answered in more than " + MAX_PIECES + " pieces");
    }
  }

  /** Whether every byte has been answered. */
  boolean complete() {
    return pieces.size() == 1 && pieces.firstKey() == 0 && pieces.firstEntry().getValue() == length;
  }
}
