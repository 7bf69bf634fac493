package io.mirrorctl.core.bitmap;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Aligned direct buffers of one page each, made when first asked for and kept. */
final class PageBuffers {
  private static final int PAGES_PER_ALLOCATION = 8;

  private final List<ByteBuffer> pages = new ArrayList<>();

  ByteBuffer page(int number) {
    while (number >= pages.size()) {
      ByteBuffer more = aligned(PAGES_PER_ALLOCATION * BitmapPage.BYTES);
      for (int at = 0; at < more.capacity(); at += BitmapPage.BYTES) {
        pages.add(more.slice(at, BitmapPage.BYTES));
      }
    }
    return pages.get(number);
  }

  /** A direct buffer whose address is a multiple of a page. */
  static ByteBuffer aligned(int bytes) {
    return ByteBuffer.allocateDirect(bytes + BitmapPage.BYTES)
        .alignedSlice(BitmapPage.BYTES)
        .slice(0, bytes);
  }
}
