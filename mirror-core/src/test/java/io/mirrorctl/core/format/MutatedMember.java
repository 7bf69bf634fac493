package io.mirrorctl.core.format;

import io.mirrorctl.core.block.SectorRange;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** A member of which somebody changed bytes, made from a seed and a number alone. */
final class MutatedMember {
  /** The head of a good member; behind it the device is zero. */
  record Original(ByteBuffer head, long deviceBytes) {
    byte[] copyOfHead() {
      byte[] copy = new byte[head.capacity()];
      head.get(0, copy);
      return copy;
    }
  }

  private static final int SUPERBLOCK = 4096;
  private static final int BITMAP = 8192;
  private static final int[] SUPERBLOCK_FIELDS = {
    0x00, 0x04, 0x08, 0x0C, 0x40, 0x48, 0x4C, 0x50, 0x58, 0x5C, 0x60, 0x64, 0x68, 0x70, 0x74, 0x78,
    0x7C, 0x80, 0x88, 0x90, 0x98, 0xA0, 0xA4, 0xB8, 0xBA, 0xBC, 0xC0, 0xC8, 0xD0, 0xD8, 0xDC, 0xE0,
    0x100, 0x102, 0x104
  };
  private static final int[] BITMAP_FIELDS = {0, 4, 8, 24, 32, 40, 48, 52, 56, 60, 64, 68, 72, 136};
  private static final int[] BLOCKS = {512, 512, 512, 4096, 65536};

  private final List<Original> originals;
  private final SplittableRandom random;
  private final byte[] head;
  private final ByteBuffer bytes;
  private long deviceBytes;

  MutatedMember(List<Original> originals, long seed, long number) {
    this.originals = originals;
    this.random = new SplittableRandom(seed ^ (number * 0x9E3779B97F4A7C15L));
    Original original = original();
    this.head = original.copyOfHead();
    this.bytes = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
    this.deviceBytes = original.deviceBytes();
    for (int i = 1 + random.nextInt(4); i > 0; i--) {
      mutate();
    }
    if (random.nextInt(10) < 8) {
      repairChecksum();
    }
  }

  MemoryImage device() {
    int block = BLOCKS[random.nextInt(BLOCKS.length)];
    return new MemoryImage(head, deviceBytes, block);
  }

  private Original original() {
    return originals.get(random.nextInt(originals.size()));
  }

  private void mutate() {
    switch (random.nextInt(12)) {
      case 0, 1, 2 ->
          setField(SUPERBLOCK + SUPERBLOCK_FIELDS[random.nextInt(SUPERBLOCK_FIELDS.length)]);
      case 3, 4, 5 ->
          setField(
              BITMAP
                  + random.nextInt(5) * 4096
                  + BITMAP_FIELDS[random.nextInt(BITMAP_FIELDS.length)]);
      case 6 -> {
        int at = SUPERBLOCK + random.nextInt(300);
        bytes.put(at, (byte) (bytes.get(at) ^ 1 << random.nextInt(8)));
      }
      case 7 -> {
        int at = random.nextInt(head.length);
        bytes.put(at, (byte) random.nextInt());
      }
      case 8 -> {
        int from = random.nextInt(head.length);
        int to = from + random.nextInt(Math.min(5000, head.length - from) + 1);
        Arrays.fill(head, from, to, random.nextBoolean() ? 0 : (byte) random.nextInt());
      }
      case 9 -> {
        byte[] other = original().copyOfHead();
        int from = random.nextInt(head.length / 512) * 512;
        int length = Math.min(head.length - from, (1 + random.nextInt(16)) * 512);
        System.arraycopy(other, Math.min(from, other.length - length), head, from, length);
      }
      case 10 -> deviceBytes = deviceSize();
      default -> combine();
    }
  }

  /** Values that only together get past the checks: a device, an array and a bitmap of one size. */
  private void combine() {
    long size = 1L << (4 + random.nextInt(32));
    long chunk = 1L << (9 + random.nextInt(23));
    bytes.putLong(SUPERBLOCK + SuperblockCodec.AT_SIZE, size);
    bytes.putLong(SUPERBLOCK + SuperblockCodec.AT_DATA_SIZE, size);
    long dataOffset = 1L << (5 + random.nextInt(20));
    bytes.putLong(SUPERBLOCK + SuperblockCodec.AT_DATA_OFFSET, dataOffset);
    deviceBytes = (size + dataOffset) * SectorRange.SECTOR_BYTES;
    for (int at = BITMAP; at + 256 <= head.length; at += 4096) {
      if (bytes.getInt(at) == BitmapHeaderCodec.MAGIC) {
        bytes.putLong(at + BitmapHeaderCodec.AT_SYNC_SIZE, size);
        bytes.putInt(at + BitmapHeaderCodec.AT_CHUNKSIZE, (int) chunk);
        if (bytes.getInt(at + BitmapHeaderCodec.AT_NODES) != 0 && random.nextBoolean()) {
          bytes.putInt(at + BitmapHeaderCodec.AT_NODES, 2 + random.nextInt(300));
        }
      }
    }
  }

  private long deviceSize() {
    return switch (random.nextInt(4)) {
      case 0 -> random.nextInt(head.length) / 512 * 512L;
      case 1 -> deviceBytes - random.nextInt(20) * 512L;
      case 2 -> 1L << (9 + random.nextInt(40));
      default -> random.nextLong(1L << 44) / 512 * 512;
    };
  }

  private void setField(int at) {
    if (at + 8 > head.length) {
      return;
    }
    long value =
        switch (random.nextInt(8)) {
          case 0 -> 0;
          case 1 -> -1;
          case 2 -> 1L << random.nextInt(64);
          case 3 -> (1L << random.nextInt(64)) - 1;
          case 4 -> deviceBytes / 512 + random.nextInt(-16, 16);
          case 5 -> random.nextInt(-300, 300);
          case 6 -> bytes.getLong(at) + random.nextInt(-9, 10);
          default -> random.nextLong();
        };
    switch (random.nextInt(4)) {
      case 0 -> bytes.putLong(at, value);
      case 1 -> bytes.putShort(at, (short) value);
      default -> bytes.putInt(at, (int) value);
    }
  }

  private void repairChecksum() {
    ByteBuffer block = bytes.slice(SUPERBLOCK, 4096).order(ByteOrder.LITTLE_ENDIAN);
    int maxDev = block.getInt(SuperblockCodec.AT_MAX_DEV);
    if (maxDev >= 0 && maxDev <= Superblock.MAX_DEV) {
      block.putInt(SuperblockCodec.AT_SB_CSUM, (int) SuperblockCodec.checksum(block, maxDev));
    }
  }
}
