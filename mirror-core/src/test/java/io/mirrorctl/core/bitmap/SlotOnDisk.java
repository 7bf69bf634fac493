package io.mirrorctl.core.bitmap;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapGeometry;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapHeaderCodec;
import io.mirrorctl.core.format.BitmapHeaderRead;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/** The slot of one imaginary disk, which notes what is asked of it and does as it is told. */
class SlotOnDisk implements BitmapStorage {
  /** Runs in the middle of a write of pages or of a flush. */
  interface Interlude {
    void play() throws IOException;
  }

  /** What was asked for, in order: {@code write 0 2}, {@code flush}. */
  final List<String> log = new CopyOnWriteArrayList<>();

  final AtomicInteger writes = new AtomicInteger();
  volatile OptionalLong clearable = OptionalLong.of(1);
  volatile Interlude beforeLanding = () -> {};
  volatile Interlude duringFlush = () -> {};

  private final byte[] slot;

  SlotOnDisk(BitmapGeometry geometry) {
    slot = new byte[(int) geometry.strideBytes()];
  }

  static BitmapHeader headerOf(BitmapGeometry geometry) {
    return BitmapHeader.builder()
        .syncSize(geometry.syncSizeSectors())
        .chunksize(geometry.chunkBytes())
        .build();
  }

  WriteIntentBitmap bitmap(BitmapGeometry geometry) {
    return new WriteIntentBitmap(geometry, headerOf(geometry), this, Env.system());
  }

  @Override
  public void writePages(List<BitmapPage> pages) throws IOException {
    List<String> indices = new ArrayList<>();
    pages.forEach(page -> indices.add("" + page.index()));
    log.add("write " + String.join(" ", indices));
    writes.incrementAndGet();
    beforeLanding.play();
    synchronized (slot) {
      pages.forEach(p -> p.image().duplicate().get(slot, (int) p.offsetBytes(), BitmapPage.BYTES));
    }
  }

  @Override
  public void flushMembers() throws IOException {
    log.add("flush");
    duringFlush.play();
  }

  @Override
  public OptionalLong clearableAtEvents() {
    return clearable;
  }

  boolean bit(long chunk) {
    return bitIn(image(), chunk);
  }

  static boolean bitIn(byte[] slot, long chunk) {
    return (slot[(int) (BitmapGeometry.HEADER_BYTES + chunk / 8)] & (1 << (chunk % 8))) != 0;
  }

  byte[] image() {
    synchronized (slot) {
      return slot.clone();
    }
  }

  BitmapHeader header() {
    return headerIn(image());
  }

  static BitmapHeader headerIn(byte[] slot) {
    return ((BitmapHeaderRead.Valid) BitmapHeaderCodec.decode(ByteBuffer.wrap(slot))).header();
  }

  static long eventsClearedIn(byte[] slot) {
    return ByteBuffer.wrap(slot).order(ByteOrder.LITTLE_ENDIAN).getLong(32);
  }

  /** The bits in an image of a slot, as they are loaded. */
  static ByteBuffer bitsIn(byte[] slot, BitmapGeometry geometry) {
    return ByteBuffer.wrap(slot, BitmapGeometry.HEADER_BYTES, (int) geometry.bitmapBytes());
  }
}
