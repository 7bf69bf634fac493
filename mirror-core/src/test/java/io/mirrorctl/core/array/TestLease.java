package io.mirrorctl.core.array;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.IoLease;
import io.mirrorctl.core.block.SectorRange;

/** A lease that ends when the test says so. */
final class TestLease implements IoLease {
  private volatile boolean over;

  void end() {
    over = true;
  }

  boolean isOver() {
    return over;
  }

  @Override
  public void await() throws DeviceException {
    if (over) {
      throw new DeviceException(IoFailure.CLOSED, "the lease is over");
    }
  }

  @Override
  public void late(String device, SectorRange range) {}
}
