package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.dlm.lock.LockMode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A shared array as its clients see it: its end is known before the array's, so that none of their
 * requests waits for another node while this one keeps the others waiting.
 */
final class ClientDevice implements BlockDevice {
  private final BlockDevice device;
  private final Optional<CoherentRanges> ranges;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition ended = lock.newCondition();
  private int underWay;

  /** Why requests fail. */
  private Optional<String> closed = Optional.empty();

  /**
   * @param ranges orders requests with those of other nodes
   */
  ClientDevice(BlockDevice device, Optional<CoherentRanges> ranges) {
    this.device = device;
    this.ranges = ranges;
  }

  private interface Request<T> {
    T run() throws IOException;
  }

  private void ordered(LockMode mode, long offset, long length, CoherentRanges.Request request)
      throws IOException {
    if (ranges.isPresent()) {
      counted(() -> ranges.get().ordered(mode, offset, length, request));
    } else {
      counted(request);
    }
  }

  private void counted(CoherentRanges.Request request) throws IOException {
    Void _ =
        asked(() -> {
          request.run();
          return null;
        });
  }

  private <T> T asked(Request<T> request) throws IOException {
    lock.lock();
    try {
      if (closed.isPresent()) {
        throw new DeviceException(IoFailure.CLOSED, name() + " " + closed.get());
      }
      underWay++;
    } finally {
      lock.unlock();
    }
    try {
      return request.run();
    } finally {
      lock.lock();
      try {
        if (--underWay == 0) {
          ended.signalAll();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /** From now on requests fail, saying so; returns when those under way have ended. */
  void drain(String reason) {
    lock.lock();
    try {
      closed = Optional.of(reason);
      while (underWay > 0) {
        ended.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
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
  public BlockSizes blockSizes() {
    return device.blockSizes();
  }

  @Override
  public Set<DeviceFeature> features() {
    return device.features();
  }

  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    ordered(LockMode.PR, offset, into.remaining(), () -> device.read(offset, into));
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    ordered(LockMode.PW, offset, from.remaining(), () -> device.write(offset, from, options));
  }

  @Override
  public void flush() throws IOException {
    counted(() -> device.flush());
  }

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    ordered(LockMode.PW, offset, length, () -> device.discard(offset, length, options));
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    ordered(LockMode.PW, offset, length, () -> device.writeZeroes(offset, length, options));
  }

  @Override
  public List<Extent> extents(long offset, long length) throws IOException {
    return asked(() -> device.extents(offset, length));
  }

  /** Does nothing: the array is stopped by its node. */
  @Override
  public void close() {}
}
