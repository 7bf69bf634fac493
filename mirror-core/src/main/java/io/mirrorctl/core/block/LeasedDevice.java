package io.mirrorctl.core.block;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * A member as a node of a cluster may use it: no request is submitted, and no result used, while
 * the node's lease is not valid (decision D4, invariant I4). Every request of every kind, for data
 * and metadata, asks the lease at the moment of submission and again when it has returned.
 *
 * <p>Failure: kind {@link IoFailure#CLOSED} once the lease is over for good, whatever became of the
 * request.
 */
public final class LeasedDevice implements VolatileDevice, FencingDevice {
  private final BlockDevice device;
  private final IoLease lease;
  private final Consumer<LeasedDevice> onClose;

  public LeasedDevice(BlockDevice device, IoLease lease) {
    this(device, lease, _ -> {});
  }

  /**
   * @param onClose told before it is closed
   */
  public LeasedDevice(BlockDevice device, IoLease lease, Consumer<LeasedDevice> onClose) {
    this.device = device;
    this.lease = lease;
    this.onClose = onClose;
  }

  @Override
  public String name() {
    return device.name();
  }

  @Override
  public long sizeBytes() {
    return device.sizeBytes();
  }

  @Override
  public long remeasure() throws IOException {
    return device.remeasure();
  }

  @Override
  public BlockSizes blockSizes() {
    return device.blockSizes();
  }

  @Override
  public Set<DeviceFeature> features() {
    return device.features();
  }

  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    lease.submit();
    try {
      device.read(offset, into);
    } finally {
      lease.returned();
    }
    lease.await();
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    int length = from.remaining();
    changing(offset, length, () -> device.write(offset, from, options));
  }

  @Override
  public void flush() throws IOException {
    lease.submit();
    try {
      device.flush();
    } finally {
      lease.returned();
    }
    lease.await();
  }

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    changing(offset, length, () -> device.discard(offset, length, options));
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    changing(offset, length, () -> device.writeZeroes(offset, length, options));
  }

  @Override
  public List<Extent> extents(long offset, long length) throws IOException {
    lease.submit();
    List<Extent> extents;
    try {
      extents = device.extents(offset, length);
    } finally {
      lease.returned();
    }
    lease.await();
    return extents;
  }

  @Override
  public boolean isConnected() {
    return !(device instanceof VolatileDevice volatileDevice) || volatileDevice.isConnected();
  }

  @Override
  public void acknowledgeLoss() {
    if (device instanceof VolatileDevice volatileDevice) {
      volatileDevice.acknowledgeLoss();
    }
  }

  /** Does not ask the lease: whoever has lost it is fenced itself, and refused by the storage. */
  @Override
  public Fence fence(Map<Integer, Long> victims) throws IOException {
    return device instanceof FencingDevice fencing ? fencing.fence(victims) : Fence.NOT_POSSIBLE;
  }

  @Override
  public void fenceFirst(Map<Integer, Long> victims) {
    if (device instanceof FencingDevice fencing) {
      fencing.fenceFirst(victims);
    }
  }

  private interface Change {
    void run() throws IOException;
  }

  private void changing(long offset, long length, Change change) throws IOException {
    lease.submit();
    try {
      change.run();
    } finally {
      lease.returned();
      afterChange(offset, length);
    }
  }

  private void afterChange(long offset, long length) throws DeviceException {
    try {
      lease.await();
    } catch (DeviceException e) {
      lease.late(name(), SectorRange.coveringBytes(offset, length));
      throw e;
    }
  }

  @Override
  public void close() throws IOException {
    onClose.accept(this);
    device.close();
  }
}
