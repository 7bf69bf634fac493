package io.mirrorctl.core.array;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One disk of an array: its device and what its superblock says of the disk alone. Offsets here are
 * bytes of the array; the data area begins at the superblock's data_offset.
 *
 * <p>Threading: any thread. What the disk is to the array is not here but in its {@link Leg}.
 */
final class Member {
  private final BlockDevice device;
  private final BadBlocks badBlocks;
  private final AtomicInteger readErrors = new AtomicInteger();
  private final AtomicInteger correctedReads = new AtomicInteger();

  /**
   * This node's bitmap pages go there one write after the other, so that no older one lands last.
   */
  private final ReentrantLock pages = new ReentrantLock();

  private boolean closed;
  private volatile Superblock superblock;

  Member(BlockDevice device, Superblock superblock, BadBlocks badBlocks) {
    this.device = device;
    this.superblock = superblock;
    this.badBlocks = badBlocks;
  }

  /** The path or URL under which this node knows the disk. */
  String disk() {
    return device.name();
  }

  BlockDevice device() {
    return device;
  }

  UUID uuid() {
    return superblock.deviceUuid();
  }

  int devNumber() {
    return superblock.devNumber();
  }

  /** Writes of bitmap pages. */
  interface PageWrites {
    void run() throws IOException;
  }

  /** Runs them when no others are under way. */
  void exclusively(PageWrites writes) throws IOException {
    pages.lock();
    try {
      if (closed) {
        throw new DeviceException(IoFailure.CLOSED, this + " is closed");
      }
      writes.run();
    } finally {
      pages.unlock();
    }
  }

  /** Fails if such writes are under way; for a member that gets no new ones. */
  void checkNoPagesOut() throws ArrayException {
    if (isWritingPages()) {
      throw ArrayException.failed(this + ": what was sent to it before it failed is still out");
    }
  }

  /** Whether such writes are under way; for a member that gets no new ones. */
  boolean isWritingPages() {
    return pages.isLocked();
  }

  /** Closes the device, when no bitmap page is on its way. */
  void close() throws IOException {
    pages.lock();
    try {
      closed = true;
      device.close();
    } finally {
      pages.unlock();
    }
  }

  /** As last read from or written to this disk. */
  Superblock superblock() {
    return superblock;
  }

  void superblock(Superblock written) {
    superblock = written;
  }

  boolean isWriteMostly() {
    return superblock.isWriteMostly();
  }

  BadBlocks badBlocks() {
    return badBlocks;
  }

  /** Read errors seen since assembly. */
  AtomicInteger readErrors() {
    return readErrors;
  }

  /** A read error was mended; the superblock counts it at its next write. */
  void readCorrected() {
    correctedReads.incrementAndGet();
  }

  int takeCorrectedReads() {
    return correctedReads.getAndSet(0);
  }

  /** Whether the range was readable also when the superblock was last written. */
  boolean isGood(long offset, long length) {
    return !badBlocks.overlapStored(onDevice(offset, length));
  }

  boolean canRead(long offset, long length) {
    return badBlocks.isEmpty() || !badBlocks.overlap(onDevice(offset, length));
  }

  /** In as many requests as the device's longest needs. */
  void read(long offset, ByteBuffer into) throws IOException {
    int end = into.limit();
    int longest = device.blockSizes().maximum();
    for (long at = place(offset); into.position() < end; at += longest) {
      device.read(at, into.limit(Math.min(end, into.position() + longest)));
    }
    into.limit(end);
  }

  void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    int length = from.remaining();
    int end = from.limit();
    int longest = device.blockSizes().maximum();
    for (long at = place(offset); from.position() < end; at += longest) {
      device.write(at, from.limit(Math.min(end, from.position() + longest)), options);
    }
    badBlocks.written(onDevice(offset, length));
  }

  void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    device.writeZeroes(place(offset), length, options);
    badBlocks.written(onDevice(offset, length));
  }

  void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    device.discard(place(offset), length, options);
  }

  void flush() throws IOException {
    device.flush();
  }

  List<BlockDevice.Extent> extents(long offset, long length) throws IOException {
    return device.extents(place(offset), length);
  }

  boolean discardsToZeroes() {
    return device.features().contains(DeviceFeature.DISCARD_ZEROES);
  }

  private long place(long offset) {
    return superblock.dataOffset() * SectorRange.SECTOR_BYTES + offset;
  }

  private SectorRange onDevice(long offset, long length) {
    return SectorRange.coveringBytes(place(offset), length);
  }

  @Override
  public String toString() {
    return disk();
  }
}
