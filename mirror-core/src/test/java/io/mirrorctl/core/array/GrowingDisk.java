package io.mirrorctl.core.array;

import io.mirrorctl.core.block.ForwardingDevice;
import io.mirrorctl.core.block.SimDisk;

/** A disk that shows less than there is until it grows by 2 MiB. */
final class GrowingDisk extends ForwardingDevice {
  private static final long MORE = 2L << 20;

  private final SimDisk disk;
  private volatile boolean grown;
  private volatile long sizeBytes;

  /**
   * @param small what was written so far
   */
  GrowingDisk(SimDisk small) {
    this(new SimDisk(small.name(), small.sizeBytes() + MORE), small.sizeBytes());
    for (long at = 0; at < small.sizeBytes(); at += 1 << 20) {
      disk.corrupt(at, small.peek(at, 1 << 20));
    }
  }

  private GrowingDisk(SimDisk disk, long sizeBytes) {
    super(disk);
    this.disk = disk;
    this.sizeBytes = sizeBytes;
  }

  void grow() {
    grown = true;
  }

  GrowingDisk reopen() {
    return new GrowingDisk(disk.reopen(), disk.sizeBytes());
  }

  @Override
  public long remeasure() {
    if (grown) {
      sizeBytes = disk.sizeBytes();
    }
    return sizeBytes;
  }

  @Override
  public long sizeBytes() {
    return sizeBytes;
  }
}
