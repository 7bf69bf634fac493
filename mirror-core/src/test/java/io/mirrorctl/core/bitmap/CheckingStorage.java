package io.mirrorctl.core.bitmap;

import io.mirrorctl.core.format.BitmapGeometry;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * A storage under many threads that checks each image when it lands: no two at once, and no bit is
 * lost before the last data of its chunk was flushed.
 */
final class CheckingStorage implements BitmapStorage {
  private final BitmapGeometry geometry;
  private final byte[] slot;
  private final AtomicLongArray dataWritten;
  private final AtomicLong clock = new AtomicLong();
  private final AtomicBoolean busy = new AtomicBoolean();

  /** The first broken promise. */
  final AtomicReference<AssertionError> broken = new AtomicReference<>();

  volatile boolean faults = true;
  private volatile long flushed;

  CheckingStorage(BitmapGeometry geometry) {
    this.geometry = geometry;
    slot = new byte[(int) geometry.strideBytes()];
    dataWritten = new AtomicLongArray((int) geometry.chunks());
  }

  private boolean chance(int percent) {
    return faults && ThreadLocalRandom.current().nextInt(100) < percent;
  }

  private void dawdle() {
    if (chance(50)) {
      LockSupport.parkNanos(ThreadLocalRandom.current().nextInt(200_000));
    }
  }

  private void check(boolean holds, String message, long chunk) {
    if (!holds) {
      broken.compareAndSet(null, new AssertionError(message + ": chunk " + chunk));
    }
  }

  /** Data of this chunk went to the members; its bit must be durable. */
  void writeData(long chunk) {
    check(bit(chunk), "data written without a durable bit", chunk);
    copyData(chunk);
  }

  /**
   * Data of this chunk was copied between the members. Its bit need not be durable: a chunk may be
   * marked while its first write still waits, and then its members do not differ.
   */
  void copyData(long chunk) {
    dataWritten.set((int) chunk, clock.incrementAndGet());
  }

  boolean bit(long chunk) {
    synchronized (slot) {
      return SlotOnDisk.bitIn(slot, chunk);
    }
  }

  int bits() {
    synchronized (slot) {
      return java.util.BitSet.valueOf(SlotOnDisk.bitsIn(slot, geometry)).cardinality();
    }
  }

  @Override
  public void writePages(List<BitmapPage> pages) throws IOException {
    check(busy.compareAndSet(false, true), "two writes of pages at once", -1);
    try {
      dawdle();
      if (chance(2)) {
        throw new IOException("pages not written");
      }
      pages.forEach(this::land);
      dawdle();
      if (chance(2)) {
        throw new IOException("pages written, but nobody knows");
      }
    } finally {
      busy.set(false);
    }
  }

  private void land(BitmapPage page) {
    synchronized (slot) {
      byte[] before = slot.clone();
      page.image().duplicate().get(slot, (int) page.offsetBytes(), BitmapPage.BYTES);
      int from = page.index() == 0 ? BitmapGeometry.HEADER_BYTES : 0;
      for (int i = (int) page.offsetBytes() + from;
          i < page.offsetBytes() + BitmapPage.BYTES;
          i++) {
        if ((before[i] & ~slot[i]) != 0) {
          for (int bit = 0; bit < 8; bit++) {
            long chunk = (i - BitmapGeometry.HEADER_BYTES) * 8L + bit;
            boolean lost = (before[i] & ~slot[i] & (1 << bit)) != 0;
            check(
                !lost || dataWritten.get((int) chunk) <= flushed,
                "bit lost before the flush",
                chunk);
          }
        }
      }
    }
  }

  @Override
  public void flushMembers() throws IOException {
    long behind = clock.get();
    dawdle();
    if (chance(2)) {
      throw new IOException("not flushed");
    }
    flushed = behind;
  }

  @Override
  public OptionalLong clearableAtEvents() {
    return chance(2) ? OptionalLong.empty() : OptionalLong.of(clock.get() / 5000);
  }
}
