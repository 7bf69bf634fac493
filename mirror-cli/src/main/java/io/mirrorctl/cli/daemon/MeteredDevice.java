package io.mirrorctl.cli.daemon;

import com.google.common.base.Ticker;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;

/** A device whose requests are counted. They go on as they came, without a lock. */
class MeteredDevice implements BlockDevice {
  private final BlockDevice device;
  private final UnderWay underWay;
  private final LongAdder reads = new LongAdder();
  private final LongAdder readBytes = new LongAdder();
  private final LongAdder writes = new LongAdder();
  private final LongAdder writtenBytes = new LongAdder();
  private final LongAdder flushes = new LongAdder();
  private final LongAdder failures = new LongAdder();

  MeteredDevice(BlockDevice device, Ticker ticker) {
    this.device = device;
    this.underWay = new UnderWay(ticker);
  }

  /**
   * Requests that have ended.
   *
   * @param reads well
   * @param writes well, of zeroes and discards too
   * @param failures those of any kind that did not end well
   */
  record Counts(
      long reads, long readBytes, long writes, long writtenBytes, long flushes, long failures) {}

  final Counts counts() {
    return new Counts(
        reads.sum(),
        readBytes.sum(),
        writes.sum(),
        writtenBytes.sum(),
        flushes.sum(),
        failures.sum());
  }

  final UnderWay underWay() {
    return underWay;
  }

  /** What lies below. */
  final BlockDevice device() {
    return device;
  }

  @Override
  public final String name() {
    return device.name();
  }

  @Override
  public final long sizeBytes() {
    return device.sizeBytes();
  }

  @Override
  public final long remeasure() throws IOException {
    return device.remeasure();
  }

  @Override
  public final BlockSizes blockSizes() {
    return device.blockSizes();
  }

  @Override
  public final Set<DeviceFeature> features() {
    return device.features();
  }

  @Override
  public final void read(long offset, ByteBuffer into) throws IOException {
    int bytes = into.remaining();
    int generation = underWay.begin();
    boolean done = false;
    try {
      device.read(offset, into);
      done = true;
    } finally {
      ended(generation, done, reads, readBytes, bytes);
    }
  }

  @Override
  public final void write(long offset, ByteBuffer from, Set<WriteOption> options)
      throws IOException {
    int bytes = from.remaining();
    int generation = underWay.begin();
    boolean done = false;
    try {
      device.write(offset, from, options);
      done = true;
    } finally {
      ended(generation, done, writes, writtenBytes, bytes);
    }
  }

  @Override
  public final void flush() throws IOException {
    int generation = underWay.begin();
    boolean done = false;
    try {
      device.flush();
      done = true;
    } finally {
      underWay.end(generation);
      (done ? flushes : failures).increment();
    }
  }

  @Override
  public final void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    int generation = underWay.begin();
    boolean done = false;
    try {
      device.discard(offset, length, options);
      done = true;
    } finally {
      ended(generation, done, writes, writtenBytes, length);
    }
  }

  @Override
  public final void writeZeroes(long offset, long length, Set<WriteOption> options)
      throws IOException {
    int generation = underWay.begin();
    boolean done = false;
    try {
      device.writeZeroes(offset, length, options);
      done = true;
    } finally {
      ended(generation, done, writes, writtenBytes, length);
    }
  }

  private void ended(int generation, boolean done, LongAdder count, LongAdder sum, long bytes) {
    underWay.end(generation);
    if (done) {
      count.increment();
      sum.add(bytes);
    } else {
      failures.increment();
    }
  }

  @Override
  public final List<Extent> extents(long offset, long length) throws IOException {
    int generation = underWay.begin();
    try {
      return device.extents(offset, length);
    } finally {
      underWay.end(generation);
    }
  }

  @Override
  public void close() throws IOException {
    device.close();
  }
}
