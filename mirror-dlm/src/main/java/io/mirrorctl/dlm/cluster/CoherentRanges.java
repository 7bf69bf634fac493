package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.Lockspace;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.LongSupplier;

/**
 * Orders the requests of all nodes to one array, range by range ({@link Coherence#RANGE_LOCKS}): a
 * request holds the locks of all ranges that it touches, taken in rising order.
 *
 * <p>The locks say nothing about whether the node may do I/O at all: that is asked at its members,
 * by its lease. They end with the incarnation, as all its locks do.
 *
 * <p>Threading: any thread but the loop's.
 */
final class CoherentRanges {
  /** So many at most, whatever the array's size: each is a record that stays. */
  private static final int MOST = 1024;

  private static final long LEAST_BYTES = 1 << 20;

  private final Lockspace lockspace;
  private final LongSupplier arrayBytes;
  private final long rangeBytes;
  private final ConcurrentMap<Long, CoherentRange> ranges = new ConcurrentHashMap<>();
  private volatile Optional<String> ended = Optional.empty();

  /** A request. */
  @FunctionalInterface
  interface Request {
    void run() throws IOException;
  }

  /**
   * @param arrayBytes tells the array's size
   */
  CoherentRanges(Lockspace lockspace, LongSupplier arrayBytes, long rangeBytes) {
    this.lockspace = lockspace;
    this.arrayBytes = arrayBytes;
    this.rangeBytes = rangeBytes;
  }

  /** The bytes of a range of an array of this size: a power of two. */
  static long rangeBytes(long arrayBytes) {
    long bytes = LEAST_BYTES;
    while (bytes * MOST < arrayBytes) {
      bytes *= 2;
    }
    return bytes;
  }

  /**
   * Runs a request between those of other nodes.
   *
   * @param mode {@link LockMode#PR} if it sees whole what others have written, {@link LockMode#PW}
   *     if others see its effect whole
   */
  void ordered(LockMode mode, long offset, long length, Request request) throws IOException {
    boolean insideArray = offset >= 0 && length > 0 && length <= arrayBytes.getAsLong() - offset;
    if (!insideArray) {
      request.run(); // it is refused there, or does nothing
      return;
    }
    long first = offset / rangeBytes;
    long last = (offset + length - 1) / rangeBytes;
    long next = first;
    try {
      for (; next <= last; next++) {
        range(next).enter(mode);
      }
      request.run();
    } finally {
      for (long entered = first; entered < next; entered++) {
        range(entered).exit();
      }
    }
  }

  private CoherentRange range(long number) throws DeviceException {
    CoherentRange range =
        ranges.computeIfAbsent(
            number,
            _ ->
                new CoherentRange(
                    blocking -> lockspace.lock("range%04d".formatted(number), blocking)));
    Optional<String> reason = ended;
    if (reason.isPresent()) {
      range.end(reason.get());
    }
    return range;
  }

  /** Requests that wait, and all to come, fail with {@link IoFailure#CLOSED}. */
  void end(String reason) {
    ended = Optional.of(reason);
    ranges.values().forEach(range -> range.end(reason));
  }
}
