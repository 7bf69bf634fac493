package io.mirrorctl.core.format;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.mirrorctl.core.block.SectorRange;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The bytes of a superblock of metadata version 1.
 *
 * <p>All integers are little-endian. The layout is that of {@code struct mdp_superblock_1} in
 * Linux's md_p.h; {@link SuperblockRules} says which values can be assembled.
 */
public final class SuperblockCodec {
  /** Bytes kept for a superblock, whatever it needs. */
  public static final int BLOCK_BYTES = 4096;

  static final int MAGIC = 0xA92B4EFC;
  static final int HEADER_BYTES = 256;

  static final int AT_MAGIC = 0x00;
  static final int AT_MAJOR_VERSION = 0x04;
  static final int AT_FEATURE_MAP = 0x08;
  static final int AT_PAD0 = 0x0C;
  static final int AT_SET_UUID = 0x10;
  static final int AT_SET_NAME = 0x20;
  static final int SET_NAME_BYTES = 32;
  static final int AT_CTIME = 0x40;
  static final int AT_LEVEL = 0x48;
  static final int AT_LAYOUT = 0x4C;
  static final int AT_SIZE = 0x50;
  static final int AT_CHUNKSIZE = 0x58;
  static final int AT_RAID_DISKS = 0x5C;
  static final int AT_BITMAP_OFFSET = 0x60;
  static final int AT_NEW_LEVEL = 0x64;
  static final int AT_RESHAPE_POSITION = 0x68;
  static final int AT_DELTA_DISKS = 0x70;
  static final int AT_NEW_LAYOUT = 0x74;
  static final int AT_NEW_CHUNK = 0x78;
  static final int AT_NEW_OFFSET = 0x7C;
  static final int AT_DATA_OFFSET = 0x80;
  static final int AT_DATA_SIZE = 0x88;
  static final int AT_SUPER_OFFSET = 0x90;
  static final int AT_RECOVERY_OFFSET = 0x98;
  static final int AT_DEV_NUMBER = 0xA0;
  static final int AT_CNT_CORRECTED_READ = 0xA4;
  static final int AT_DEVICE_UUID = 0xA8;
  static final int AT_DEVFLAGS = 0xB8;
  static final int AT_BBLOG_SHIFT = 0xB9;
  static final int AT_BBLOG_SIZE = 0xBA;
  static final int AT_BBLOG_OFFSET = 0xBC;
  static final int AT_UTIME = 0xC0;
  static final int AT_EVENTS = 0xC8;
  static final int AT_RESYNC_OFFSET = 0xD0;
  static final int AT_SB_CSUM = 0xD8;
  static final int AT_MAX_DEV = 0xDC;
  static final int AT_PAD3 = 0xE0;
  static final int PAD3_BYTES = 32;
  static final int AT_DEV_ROLES = 0x100;

  private SuperblockCodec() {}

  /**
   * Reads a superblock.
   *
   * @param block the bytes from {@code foundAtSector}, {@link #BLOCK_BYTES} of them unless the
   *     device ends before; neither position nor limit is changed
   * @param foundAtSector where the bytes were read
   * @param deviceSectors size of the device
   */
  public static SuperblockRead decode(ByteBuffer block, long foundAtSector, long deviceSectors) {
    ByteBuffer b = block.slice().order(ByteOrder.LITTLE_ENDIAN);
    if (b.remaining() < HEADER_BYTES) {
      return new SuperblockRead.Absent(
          "the device ends %s bytes behind sector %s".formatted(b.remaining(), foundAtSector));
    }
    if (b.getInt(AT_MAGIC) != MAGIC) {
      return new SuperblockRead.Absent("no md superblock at sector " + foundAtSector);
    }
    int version = b.getInt(AT_MAJOR_VERSION);
    if (version != 1) {
      return corrupt("major_version", "1", Integer.toUnsignedString(version));
    }
    int maxDev = b.getInt(AT_MAX_DEV);
    if (maxDev < 0 || maxDev > Superblock.MAX_DEV) {
      return corrupt("max_dev", "0.." + Superblock.MAX_DEV, Integer.toUnsignedString(maxDev));
    }
    if (b.remaining() < encodedBytes(maxDev)) {
      return corrupt("max_dev", "room for " + maxDev + " roles", "the end of the device");
    }
    int stored = b.getInt(AT_SB_CSUM);
    int computed = (int) checksum(b, maxDev);
    if (stored != computed) {
      return corrupt("sb_csum", "%08x".formatted(computed), "%08x".formatted(stored));
    }
    long superOffset = b.getLong(AT_SUPER_OFFSET);
    if (superOffset != foundAtSector) {
      return corrupt(
          "super_offset", Long.toString(foundAtSector), Long.toUnsignedString(superOffset));
    }
    Superblock superblock = parse(b, maxDev);
    ImmutableList<String> objections =
        ImmutableList.<String>builder()
            .addAll(nonZeroPadding(b))
            .addAll(SuperblockRules.objections(superblock, deviceSectors))
            .build();
    return objections.isEmpty()
        ? new SuperblockRead.Valid(superblock)
        : new SuperblockRead.Unsupported(superblock, String.join("; ", objections));
  }

  private static SuperblockRead corrupt(String field, String expected, String found) {
    return new SuperblockRead.Corrupt(field, expected, found);
  }

  private static ImmutableList<String> nonZeroPadding(ByteBuffer b) {
    var objections = ImmutableList.<String>builder();
    if (b.getInt(AT_PAD0) != 0) {
      objections.add("pad0 is not zero: written by something newer than this program");
    }
    for (int i = 0; i < PAD3_BYTES; i++) {
      if (b.get(AT_PAD3 + i) != 0) {
        objections.add("pad3 is not zero: written by something newer than this program");
        break;
      }
    }
    return objections.build();
  }

  private static Superblock parse(ByteBuffer b, int maxDev) {
    var roles = ImmutableIntArray.builder(maxDev);
    for (int i = 0; i < maxDev; i++) {
      roles.add(Short.toUnsignedInt(b.getShort(AT_DEV_ROLES + 2 * i)));
    }
    return Superblock.builder()
        .featureMap(b.getInt(AT_FEATURE_MAP))
        .setUuid(MdUuid.at(b, AT_SET_UUID))
        .setName(FixedText.get(b, AT_SET_NAME, SET_NAME_BYTES))
        .ctime(b.getLong(AT_CTIME))
        .level(b.getInt(AT_LEVEL))
        .layout(b.getInt(AT_LAYOUT))
        .size(b.getLong(AT_SIZE))
        .chunksize(b.getInt(AT_CHUNKSIZE))
        .raidDisks(b.getInt(AT_RAID_DISKS))
        .bitmapOffset(b.getInt(AT_BITMAP_OFFSET))
        .newLevel(b.getInt(AT_NEW_LEVEL))
        .reshapePosition(b.getLong(AT_RESHAPE_POSITION))
        .deltaDisks(b.getInt(AT_DELTA_DISKS))
        .newLayout(b.getInt(AT_NEW_LAYOUT))
        .newChunk(b.getInt(AT_NEW_CHUNK))
        .newOffset(b.getInt(AT_NEW_OFFSET))
        .dataOffset(b.getLong(AT_DATA_OFFSET))
        .dataSize(b.getLong(AT_DATA_SIZE))
        .superOffset(b.getLong(AT_SUPER_OFFSET))
        .recoveryOffset(b.getLong(AT_RECOVERY_OFFSET))
        .devNumber(b.getInt(AT_DEV_NUMBER))
        .cntCorrectedRead(b.getInt(AT_CNT_CORRECTED_READ))
        .deviceUuid(MdUuid.at(b, AT_DEVICE_UUID))
        .devflags(Byte.toUnsignedInt(b.get(AT_DEVFLAGS)))
        .bblogShift(Byte.toUnsignedInt(b.get(AT_BBLOG_SHIFT)))
        .bblogSize(Short.toUnsignedInt(b.getShort(AT_BBLOG_SIZE)))
        .bblogOffset(b.getInt(AT_BBLOG_OFFSET))
        .utime(b.getLong(AT_UTIME))
        .events(b.getLong(AT_EVENTS))
        .resyncOffset(b.getLong(AT_RESYNC_OFFSET))
        .devRoles(roles.build())
        .build();
  }

  /**
   * The bytes of a superblock with its checksum, then zeroes: {@link #BLOCK_BYTES} in a direct
   * little-endian buffer aligned to 4096, ready to be written at sector {@code superOffset}.
   */
  public static ByteBuffer encode(Superblock s) {
    ByteBuffer b =
        ByteBuffer.allocateDirect(2 * BLOCK_BYTES)
            .alignedSlice(BLOCK_BYTES)
            .limit(BLOCK_BYTES)
            .slice()
            .order(ByteOrder.LITTLE_ENDIAN);
    int maxDev = s.devRoles().length();
    b.putInt(AT_MAGIC, MAGIC);
    b.putInt(AT_MAJOR_VERSION, 1);
    b.putInt(AT_FEATURE_MAP, s.featureMap());
    MdUuid.put(b, AT_SET_UUID, s.setUuid());
    FixedText.put(b, AT_SET_NAME, SET_NAME_BYTES, s.setName());
    b.putLong(AT_CTIME, s.ctime());
    b.putInt(AT_LEVEL, s.level());
    b.putInt(AT_LAYOUT, s.layout());
    b.putLong(AT_SIZE, s.size());
    b.putInt(AT_CHUNKSIZE, s.chunksize());
    b.putInt(AT_RAID_DISKS, s.raidDisks());
    b.putInt(AT_BITMAP_OFFSET, s.bitmapOffset());
    b.putInt(AT_NEW_LEVEL, s.newLevel());
    b.putLong(AT_RESHAPE_POSITION, s.reshapePosition());
    b.putInt(AT_DELTA_DISKS, s.deltaDisks());
    b.putInt(AT_NEW_LAYOUT, s.newLayout());
    b.putInt(AT_NEW_CHUNK, s.newChunk());
    b.putInt(AT_NEW_OFFSET, s.newOffset());
    b.putLong(AT_DATA_OFFSET, s.dataOffset());
    b.putLong(AT_DATA_SIZE, s.dataSize());
    b.putLong(AT_SUPER_OFFSET, s.superOffset());
    b.putLong(AT_RECOVERY_OFFSET, s.recoveryOffset());
    b.putInt(AT_DEV_NUMBER, s.devNumber());
    b.putInt(AT_CNT_CORRECTED_READ, s.cntCorrectedRead());
    MdUuid.put(b, AT_DEVICE_UUID, s.deviceUuid());
    b.put(AT_DEVFLAGS, (byte) s.devflags());
    b.put(AT_BBLOG_SHIFT, (byte) s.bblogShift());
    b.putShort(AT_BBLOG_SIZE, (short) s.bblogSize());
    b.putInt(AT_BBLOG_OFFSET, s.bblogOffset());
    b.putLong(AT_UTIME, s.utime());
    b.putLong(AT_EVENTS, s.events());
    b.putLong(AT_RESYNC_OFFSET, s.resyncOffset());
    b.putInt(AT_MAX_DEV, maxDev);
    for (int i = 0; i < maxDev; i++) {
      b.putShort(AT_DEV_ROLES + 2 * i, (short) s.devRoles().get(i));
    }
    b.putInt(AT_SB_CSUM, (int) checksum(b, maxDev));
    return b;
  }

  /** Bytes the superblock itself takes; what follows in its block is not covered by checksum. */
  public static int encodedBytes(Superblock superblock) {
    return encodedBytes(superblock.devRoles().length());
  }

  private static int encodedBytes(int maxDev) {
    return HEADER_BYTES + 2 * maxDev;
  }

  /** Bytes to write for a superblock on a device with this logical block size. */
  public static int writeBytes(Superblock superblock, int logicalBlockBytes) {
    return Math.ceilDiv(encodedBytes(superblock), logicalBlockBytes) * logicalBlockBytes;
  }

  /** Sectors the superblock takes, rounded up. */
  static long sectors(Superblock superblock) {
    return Math.ceilDiv(encodedBytes(superblock), SectorRange.SECTOR_BYTES);
  }

  /**
   * The checksum of a superblock, an unsigned 32-bit value: the sum of its words, the carry folded
   * in once, the checksum's own field taken as zero.
   *
   * @param block starts at its position with the superblock
   * @param maxDev number of roles, at most {@link Superblock#MAX_DEV}
   */
  public static long checksum(ByteBuffer block, int maxDev) {
    ByteBuffer b = block.slice().order(ByteOrder.LITTLE_ENDIAN);
    int length = encodedBytes(maxDev);
    long sum = -Integer.toUnsignedLong(b.getInt(AT_SB_CSUM));
    int at = 0;
    for (; at + 4 <= length; at += 4) {
      sum += Integer.toUnsignedLong(b.getInt(at));
    }
    if (at < length) {
      sum += Short.toUnsignedLong(b.getShort(at));
    }
    return ((sum & 0xFFFF_FFFFL) + (sum >>> 32)) & 0xFFFF_FFFFL;
  }
}
