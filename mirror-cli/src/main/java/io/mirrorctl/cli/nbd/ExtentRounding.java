package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.BlockDevice.Extent;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes extents whole blocks, where a server knows them more finely than the device is read.
 *
 * <p>A block that several extents share is a hole, or zero, only if all of them are.
 */
final class ExtentRounding {
  private final int block;
  private final List<Extent> rounded = new ArrayList<>();

  /** Bytes of a block that has begun, and what is true of all of them. */
  private int pending;

  private boolean pendingHole;
  private boolean pendingZero;

  private ExtentRounding(int block) {
    this.block = block;
  }

  /**
   * The extents in whole blocks. A block they do not cover to its end is left out; if there is no
   * other, it is said to be data.
   */
  static List<Extent> toBlocks(List<Extent> extents, int block) {
    var rounding = new ExtentRounding(block);
    extents.forEach(rounding::take);
    return rounding.rounded.isEmpty()
        ? List.of(new Extent(block, false, false))
        : List.copyOf(rounding.rounded);
  }

  private void take(Extent extent) {
    long left = extent.length();
    if (pending > 0) {
      int filling = (int) Math.min(block - pending, left);
      pending += filling;
      left -= filling;
      pendingHole &= extent.hole();
      pendingZero &= extent.zero();
      if (pending == block) {
        add(new Extent(block, pendingHole, pendingZero));
        pending = 0;
      }
    }
    long whole = left - left % block;
    if (whole > 0) {
      add(new Extent(whole, extent.hole(), extent.zero()));
    }
    if (left > whole) {
      pending = (int) (left - whole);
      pendingHole = extent.hole();
      pendingZero = extent.zero();
    }
  }

  private void add(Extent extent) {
    int last = rounded.size() - 1;
    if (last >= 0
        && rounded.get(last).hole() == extent.hole()
        && rounded.get(last).zero() == extent.zero()) {
      long length = rounded.get(last).length() + extent.length();
      rounded.set(last, new Extent(length, extent.hole(), extent.zero()));
    } else {
      rounded.add(extent);
    }
  }
}
