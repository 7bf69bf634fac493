package io.mirrorctl.dlm.cluster;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.dlm.lock.ValueBlock;
import io.mirrorctl.dlm.message.ResyncWindows;
import io.mirrorctl.dlm.store.Bytes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What a node that has an array in use tells in the value block of its slot's lock, for those who
 * come in later; see docs/formats/slots.md.
 *
 * @param active whether the node has the array in use
 * @param windows everything that it copies at the moment: at most two ranges of 1 to 2^32 - 1
 *     sectors
 */
record SlotBlock(boolean active, List<SectorRange> windows) {
  /** Of nobody, or of a node that has not assembled the array yet: 64 zero bytes. */
  static final SlotBlock EMPTY = new SlotBlock(false, List.of());

  private static final int VERSION = 1;
  private static final int AT_VERSION = 0;
  private static final int AT_FLAGS = 1;
  private static final int AT_WINDOWS = 8;
  private static final int WINDOW_BYTES = 12;
  private static final int ACTIVE = 1;

  SlotBlock {
    windows = List.copyOf(windows);
    checkArgument(active || windows.isEmpty(), "a slot that is not in use copies %s", windows);
    if (!windows.isEmpty()) {
      // checks number and lengths
      var _ = ResyncWindows.of(windows.toArray(SectorRange[]::new));
    }
  }

  /** The name of a slot's lock. */
  static String resource(int slot) {
    return String.format(Locale.ROOT, "bitmap%04d", slot);
  }

  Bytes encode() {
    ByteBuffer b = ByteBuffer.allocate(ValueBlock.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    if (active) {
      b.put(AT_VERSION, (byte) VERSION).put(AT_FLAGS, (byte) ACTIVE);
    }
    int at = AT_WINDOWS;
    for (SectorRange window : windows) {
      b.putLong(at, window.start()).putInt(at + Long.BYTES, (int) window.length());
      at += WINDOW_BYTES;
    }
    return Bytes.of(b);
  }

  /**
   * Reads a block.
   *
   * @throws IllegalArgumentException if it is none of ours; the message says what is wrong
   */
  static SlotBlock decode(Bytes bytes) {
    if (bytes.equals(ValueBlock.ZERO.content())) {
      return EMPTY;
    }
    ByteBuffer b = bytes.buffer().order(ByteOrder.LITTLE_ENDIAN);
    int version = Byte.toUnsignedInt(b.get(AT_VERSION));
    checkArgument(version == VERSION, "version %s, not %s", version, VERSION);
    var windows = new ArrayList<SectorRange>();
    for (int i = 0; i < ResyncWindows.MAX_RANGES; i++) {
      int at = AT_WINDOWS + i * WINDOW_BYTES;
      long start = b.getLong(at);
      long length = Integer.toUnsignedLong(b.getInt(at + Long.BYTES));
      checkArgument(
          start >= 0 && start <= Long.MAX_VALUE - length, "a window starts at sector %s", start);
      if (length > 0) {
        windows.add(SectorRange.ofLength(start, length));
      }
    }
    var block = new SlotBlock((b.get(AT_FLAGS) & ACTIVE) != 0, windows);
    int wrong = block.encode().buffer().mismatch(bytes.buffer());
    checkArgument(wrong < 0, "byte %s is not as it should be", wrong);
    return block;
  }
}
