package io.mirrorctl.core.format;

import com.google.common.primitives.ImmutableIntArray;
import io.mirrorctl.core.block.SectorRange;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.UUID;

/** Valid metadata to start from. */
final class Samples {
  static final UUID ARRAY = MdUuid.parse("447f425b:21f8c7b7:7413fd5d:9af5dfdb");
  static final UUID DEVICE = MdUuid.parse("00010203:04050607:08090a0b:0c0d0e0f");
  static final long DEVICE_SECTORS = 65536;
  static final long SIZE = 63488;

  private Samples() {}

  /** Device 1 of two, without bitmap. */
  static Superblock plain() {
    return Superblock.builder()
        .setUuid(ARRAY)
        .setName("any:vol0")
        .ctime(1795162112)
        .size(SIZE)
        .raidDisks(2)
        .dataOffset(2048)
        .dataSize(SIZE)
        .devNumber(1)
        .deviceUuid(DEVICE)
        .utime(1795162113)
        .events(19)
        .resyncOffset(Superblock.MAX_SECTOR)
        .devRoles(ImmutableIntArray.of(0, 1, Superblock.ROLE_SPARE, Superblock.ROLE_FAULTY))
        .build();
  }

  static Superblock internal() {
    return plain().toBuilder().with(Feature.BITMAP_OFFSET).bitmapOffset(8).build();
  }

  static Superblock clustered() {
    return internal().toBuilder().with(Feature.CLUSTERED).build();
  }

  static Superblock withBadBlockLog(Superblock s) {
    return s.toBuilder().with(Feature.BAD_BLOCKS).bblogOffset(16).bblogSize(8).build();
  }

  /** Chunks of 64 KiB: 496 of them. */
  static BitmapHeader internalHeader() {
    return BitmapHeader.builder()
        .uuid(ARRAY)
        .events(19)
        .eventsCleared(18)
        .syncSize(SIZE)
        .chunksize(65536)
        .build();
  }

  static BitmapHeader clusteredHeader(int nodes) {
    return internalHeader().toBuilder()
        .version(BitmapHeader.VERSION_CLUSTERED)
        .nodes(nodes)
        .clusterName("example")
        .build();
  }

  /** The head of a member, up to its data: what is put there stands there, the rest is zero. */
  static final class Head {
    private final byte[] bytes;

    Head(int length) {
      bytes = new byte[length];
    }

    Head put(long offset, ByteBuffer data) {
      data.duplicate().get(bytes, (int) offset, data.remaining());
      return this;
    }

    Head put(Superblock s) {
      return put(s.superOffset() * SectorRange.SECTOR_BYTES, SuperblockCodec.encode(s));
    }

    /** All slots with their headers at the place the superblock says. */
    Head put(Superblock s, BitmapHeader header) {
      var area =
          new BitmapArea(s.superOffset() + s.bitmapOffset(), header.geometry(), header.slots());
      for (int slot = 0; slot < area.slots(); slot++) {
        put(area.slotOffsetBytes(slot), BitmapHeaderCodec.encode(header));
      }
      return put(s);
    }

    Head put(Superblock s, BadBlockLog log) {
      return put(
          (s.superOffset() + s.bblogOffset()) * SectorRange.SECTOR_BYTES,
          log.encode(s.bblogShift(), s.bblogSize()));
    }

    Head fill(int offset, int length, int value) {
      Arrays.fill(bytes, offset, offset + length, (byte) value);
      return this;
    }

    byte[] bytes() {
      return bytes;
    }

    MemoryImage device() {
      return new MemoryImage(bytes, DEVICE_SECTORS * SectorRange.SECTOR_BYTES, 512);
    }
  }

  static Head head() {
    return new Head(1 << 16);
  }
}
