package io.mirrorctl.core.array;

import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.format.BitmapArea;
import io.mirrorctl.core.format.BitmapGeometry;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapHeaderCodec;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Writes a bitmap slot in which no bit, or every bit, is set; not flushed. */
final class EmptySlot {
  private static final int PAGE_BYTES = BitmapGeometry.PAGE_BYTES;
  private static final byte ALL_CLEAR = 0;
  private static final byte ALL_SET = (byte) 0xFF;

  private EmptySlot() {}

  static void write(BlockDevice device, BitmapArea area, int slot, BitmapHeader header)
      throws IOException {
    write(device, area, slot, header, ALL_CLEAR);
  }

  /** For a new array whose members are not known to be equal. */
  static void writeAllDirty(BlockDevice device, BitmapArea area, int slot, BitmapHeader header)
      throws IOException {
    write(device, area, slot, header, ALL_SET);
  }

  private static void write(
      BlockDevice device, BitmapArea area, int slot, BitmapHeader header, byte bits)
      throws IOException {
    ByteBuffer page = AlignedBuffers.shared().acquire(PAGE_BYTES);
    try {
      long end = BitmapHeaderCodec.BYTES + area.geometry().bitmapBytes();
      for (long number = 0; number < area.geometry().pages(); number++) {
        fill(page, end - number * PAGE_BYTES, bits);
        if (number == 0) {
          page.put(0, BitmapHeaderCodec.encode(header), 0, BitmapHeaderCodec.BYTES);
        }
        device.write(
            area.pageOffsetBytes(slot, number),
            page.duplicate().position(0).limit(PAGE_BYTES),
            WriteOption.NONE);
      }
    } finally {
      AlignedBuffers.shared().release(page);
    }
  }

  private static void fill(ByteBuffer page, long bytes, byte bits) {
    for (int i = 0; i < PAGE_BYTES; i++) {
      page.put(i, i < bytes ? bits : ALL_CLEAR);
    }
  }
}
