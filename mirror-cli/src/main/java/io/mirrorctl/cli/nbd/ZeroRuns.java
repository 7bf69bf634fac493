package io.mirrorctl.cli.nbd;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds the parts of a read that need not be sent because they are zero.
 *
 * <p>Looking at the data is cheap (a page of real data differs in its first word, a page of zeroes
 * is compared at memory speed) and finds more than the device's allocation map, which costs a call.
 */
final class ZeroRuns {
  private static final int PAGE = 4096;

  /** A shorter hole inside of data costs more in chunks than it saves in bytes. */
  private static final int SHORTEST = 16 << 10;

  /** A client puts the pieces together; this is as many as it is asked to. */
  static final int MOST_RUNS = 64;

  private static final MemorySegment ZEROES =
      MemorySegment.ofBuffer(ByteBuffer.allocateDirect(PAGE));

  private ZeroRuns() {}

  /** The runs of the data from position 0 to the limit: adjoining and covering all of it. */
  static List<Reply.Run> of(ByteBuffer data) {
    MemorySegment segment = MemorySegment.ofBuffer(data);
    int length = data.limit();
    List<Reply.Run> runs = List.of();
    int dataFrom = 0;
    int at = 0;
    while (at < length) {
      int zero = zeroLength(segment, data, at);
      boolean worthIt = zero >= SHORTEST || zero == length;
      if (worthIt && runs.size() < MOST_RUNS - 2) {
        if (runs.isEmpty()) {
          runs = new ArrayList<>();
        }
        if (at > dataFrom) {
          runs.add(new Reply.Run(dataFrom, at - dataFrom, false));
        }
        runs.add(new Reply.Run(at, zero, true));
        dataFrom = at + zero;
      }
      at += Math.max(zero, PAGE);
    }
    if (runs.isEmpty()) {
      return List.of(new Reply.Run(0, length, false));
    }
    if (dataFrom < length) {
      runs.add(new Reply.Run(dataFrom, length - dataFrom, false));
    }
    return runs;
  }

  /** Zero bytes from {@code at} on, in whole pages or up to the end. */
  private static int zeroLength(MemorySegment segment, ByteBuffer data, int at) {
    int length = data.limit();
    int end = at;
    while (end < length) {
      int step = Math.min(PAGE, length - end);
      if (step >= Long.BYTES && data.getLong(end) != 0) {
        break;
      }
      if (MemorySegment.mismatch(segment, end, end + step, ZEROES, 0, step) >= 0) {
        break;
      }
      end += step;
    }
    return end - at;
  }
}
