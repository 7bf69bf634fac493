package io.mirrorctl.core.array;

import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.VolatileDevice;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** A simulated disk behind a server that can be restarted, and then loses what was not flushed. */
final class RestartingDisk implements VolatileDevice {
  private SimDisk disk;
  private boolean lost;

  RestartingDisk(SimDisk disk) {
    this.disk = disk;
  }

  /** The server comes back without anything that was not flushed. */
  synchronized void restart() {
    disk.powerCut(new AllLost());
    disk = disk.reopen();
    lost = true;
  }

  /** Makes {@link SimDisk#powerCut} lose every unflushed sector. */
  static final class AllLost extends Random {
    private static final long serialVersionUID = 1L;

    @Override
    public int nextInt(int bound) {
      return 0;
    }
  }

  synchronized SimDisk disk() {
    return disk;
  }

  private synchronized SimDisk served() throws DeviceException {
    if (lost) {
      throw new DeviceException(
          IoFailure.VOLATILE_LOSS, disk.name() + ": the server was restarted");
    }
    return disk;
  }

  @Override
  public synchronized void acknowledgeLoss() {
    lost = false;
  }

  @Override
  public String name() {
    return disk().name();
  }

  @Override
  public long sizeBytes() {
    return disk().sizeBytes();
  }

  @Override
  public BlockSizes blockSizes() {
    return disk().blockSizes();
  }

  @Override
  public Set<DeviceFeature> features() {
    return disk().features();
  }

  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    served().read(offset, into);
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    served().write(offset, from, options);
  }

  @Override
  public void flush() throws IOException {
    served().flush();
  }

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    served().discard(offset, length, options);
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    served().writeZeroes(offset, length, options);
  }

  @Override
  public List<Extent> extents(long offset, long length) throws IOException {
    return served().extents(offset, length);
  }

  @Override
  public void close() throws IOException {
    disk().close();
  }
}
