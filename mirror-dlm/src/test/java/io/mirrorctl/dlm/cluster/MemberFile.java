package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;

/** A member as one node reaches it, which can be made to fail. */
final class MemberFile implements BlockDevice {
  /** Sees each read or write before it is made. */
  interface Hook {
    void at(long offset, int length) throws IOException;
  }

  private final BlockDevice file;
  private final AtomicBoolean broken = new AtomicBoolean();
  private volatile Hook hook = (_, _) -> {};
  private volatile Hook readHook = (_, _) -> {};

  MemberFile(BlockDevice file) {
    this.file = file;
  }

  /** From now on every request of this node fails. */
  void fail() {
    broken.set(true);
  }

  void heal() {
    broken.set(false);
  }

  void hook(Hook next) {
    hook = next;
  }

  void readHook(Hook next) {
    readHook = next;
  }

  private void check() throws DeviceException {
    if (broken.get()) {
      throw new DeviceException(IoFailure.MEDIUM, name() + ": made to fail");
    }
  }

  @Override
  public String name() {
    return file.name();
  }

  @Override
  public long sizeBytes() {
    return file.sizeBytes();
  }

  @Override
  public BlockSizes blockSizes() {
    return file.blockSizes();
  }

  @Override
  public Set<DeviceFeature> features() {
    return file.features();
  }

  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    check();
    readHook.at(offset, into.remaining());
    file.read(offset, into);
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    check();
    hook.at(offset, from.remaining());
    file.write(offset, from, options);
  }

  @Override
  public void flush() throws IOException {
    check();
    file.flush();
  }

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    check();
    file.discard(offset, length, options);
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    check();
    file.writeZeroes(offset, length, options);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
