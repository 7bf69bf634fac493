package io.mirrorctl.core.array;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.LeasedDevice;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One node's way to a disk that others use too. It can break while theirs hold, be watched or
 * stopped at any operation, and ends with the node's lease.
 */
final class NodeDisk implements BlockDevice {
  private final BlockDevice leased;
  private final AtomicInteger inFlight;
  private volatile SimDisk.Hook hook = _ -> {};
  private volatile IoFailure broken;

  /**
   * @param inFlight counts the node's operations on all disks
   */
  NodeDisk(SimDisk disk, TestLease lease, AtomicInteger inFlight) {
    this.leased = new LeasedDevice(disk, lease);
    this.inFlight = inFlight;
  }

  void breaks(IoFailure failure) {
    broken = failure;
  }

  /** Whether it was broken. */
  boolean heals() {
    boolean was = broken != null;
    broken = null;
    return was;
  }

  /** Called before every operation, which has not yet asked for the lease. */
  void hook(SimDisk.Hook next) {
    hook = next;
  }

  private interface Io {
    void run() throws IOException;
  }

  private void pass(
      SimOperation.Kind kind, long offset, long length, Set<WriteOption> options, Io io)
      throws IOException {
    inFlight.incrementAndGet();
    try {
      hook.before(new SimOperation(kind, offset, length, options));
      IoFailure failure = broken;
      if (failure != null) {
        throw new DeviceException(failure, name() + " is out of this node's reach");
      }
      io.run();
    } finally {
      inFlight.decrementAndGet();
    }
  }

  @Override
  public String name() {
    return leased.name();
  }

  @Override
  public long sizeBytes() {
    return leased.sizeBytes();
  }

  @Override
  public BlockSizes blockSizes() {
    return leased.blockSizes();
  }

  @Override
  public Set<DeviceFeature> features() {
    return leased.features();
  }

  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    pass(
        SimOperation.Kind.READ,
        offset,
        into.remaining(),
        WriteOption.NONE,
        () -> leased.read(offset, into));
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    pass(
        SimOperation.Kind.WRITE,
        offset,
        from.remaining(),
        options,
        () -> leased.write(offset, from, options));
  }

  @Override
  public void flush() throws IOException {
    pass(SimOperation.Kind.FLUSH, 0, 0, WriteOption.NONE, leased::flush);
  }

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    pass(
        SimOperation.Kind.DISCARD,
        offset,
        length,
        options,
        () -> leased.discard(offset, length, options));
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    pass(
        SimOperation.Kind.ZERO,
        offset,
        length,
        options,
        () -> leased.writeZeroes(offset, length, options));
  }

  @Override
  public List<Extent> extents(long offset, long length) throws IOException {
    return leased.extents(offset, length);
  }

  /** The disk is the cluster's. */
  @Override
  public void close() {}
}
