package io.mirrorctl.cli.daemon;

import com.google.common.base.Ticker;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.FencingDevice;
import io.mirrorctl.core.block.VolatileDevice;
import java.io.IOException;
import java.util.Map;
import java.util.function.Consumer;

/** A member whose requests are counted; it can what the disk below can. */
final class MeteredDisk extends MeteredDevice implements VolatileDevice, FencingDevice {
  private final Consumer<MeteredDisk> closed;

  /**
   * @param closed told when it is
   */
  MeteredDisk(BlockDevice device, Ticker ticker, Consumer<MeteredDisk> closed) {
    super(device, ticker);
    this.closed = closed;
  }

  @Override
  public boolean isConnected() {
    return !(device() instanceof VolatileDevice disk) || disk.isConnected();
  }

  @Override
  public void acknowledgeLoss() {
    if (device() instanceof VolatileDevice disk) {
      disk.acknowledgeLoss();
    }
  }

  @Override
  public Fence fence(Map<Integer, Long> victims) throws IOException {
    return device() instanceof FencingDevice disk ? disk.fence(victims) : Fence.NOT_POSSIBLE;
  }

  @Override
  public void fenceFirst(Map<Integer, Long> victims) {
    if (device() instanceof FencingDevice disk) {
      disk.fenceFirst(victims);
    }
  }

  @Override
  public void close() throws IOException {
    try {
      super.close();
    } finally {
      closed.accept(this);
    }
  }
}
