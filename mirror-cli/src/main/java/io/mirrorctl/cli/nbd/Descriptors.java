package io.mirrorctl.cli.nbd;

import com.google.common.primitives.ImmutableIntArray;
import io.mirrorctl.core.block.BlockDevice;
import java.util.List;

/** Turns a device's extents into the descriptors of a block status reply. */
final class Descriptors {
  private final int block;
  private final int most;
  private final ImmutableIntArray.Builder pairs = ImmutableIntArray.builder();
  private int closed;
  private long closedUpTo;
  private long describedUpTo;
  private int flags = -1;

  private Descriptors(int block, int most) {
    this.block = block;
    this.most = most;
  }

  /**
   * Pairs of length and status flags: no two neighbours with the same flags, each length a multiple
   * of the block size, at least one pair. A block that belongs to two extents counts as data, which
   * is always safe to say.
   *
   * @param length bytes the client asked for, a multiple of the block size and not 0; nothing
   *     beyond is described
   * @param block minimum block size
   * @param most pairs
   */
  static ImmutableIntArray of(List<BlockDevice.Extent> extents, long length, int block, int most) {
    var result = new Descriptors(block, most);
    long from = 0;
    for (BlockDevice.Extent extent : extents) {
      long to = from + Math.min(extent.length(), length - from);
      result.add(from, to, length, extent);
      from = to;
    }
    return result.finish();
  }

  private void add(long from, long to, long length, BlockDevice.Extent extent) {
    long alignedFrom = (from + block - 1) & -block;
    long alignedTo = to == length ? length : to & -block;
    extend(alignedFrom, 0);
    extend(alignedTo, (extent.hole() ? Nbd.STATE_HOLE : 0) | (extent.zero() ? Nbd.STATE_ZERO : 0));
  }

  private void extend(long upTo, int flagsUpTo) {
    if (upTo <= describedUpTo) {
      return;
    }
    if (flags != flagsUpTo) {
      close();
      flags = flagsUpTo;
    }
    describedUpTo = upTo;
  }

  private void close() {
    if (describedUpTo > closedUpTo && closed < most) {
      pairs.add((int) (describedUpTo - closedUpTo));
      pairs.add(flags);
      closed++;
    }
    closedUpTo = describedUpTo;
  }

  private ImmutableIntArray finish() {
    extend(describedUpTo == 0 ? block : 0, 0);
    close();
    return pairs.build();
  }
}
