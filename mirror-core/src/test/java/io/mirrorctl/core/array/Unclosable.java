package io.mirrorctl.core.array;

import io.mirrorctl.core.block.ForwardingDevice;
import io.mirrorctl.core.block.SimDisk;

/** A disk that stays open when its array gives it up, so that its power can be cut. */
final class Unclosable extends ForwardingDevice {
  Unclosable(SimDisk disk) {
    super(disk);
  }

  @Override
  public void close() {}
}
