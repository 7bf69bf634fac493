package io.mirrorctl.core.block;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;

/** A device that is another one in everything but what a test overrides. */
public abstract class ForwardingDevice implements BlockDevice {
  private final BlockDevice device;

  protected ForwardingDevice(BlockDevice device) {
    this.device = device;
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
    device.remeasure();
    return sizeBytes();
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
    device.read(offset, into);
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    device.write(offset, from, options);
  }

  @Override
  public void flush() throws IOException {
    device.flush();
  }

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    device.discard(offset, length, options);
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    device.writeZeroes(offset, length, options);
  }

  @Override
  public List<Extent> extents(long offset, long length) throws IOException {
    return device.extents(offset, length);
  }

  @Override
  public void close() throws IOException {
    device.close();
  }
}
