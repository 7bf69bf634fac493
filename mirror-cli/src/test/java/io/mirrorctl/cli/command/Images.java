package io.mirrorctl.cli.command;

import io.mirrorctl.core.format.KernelFixture;
import io.mirrorctl.core.format.SuperblockCodec;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/** Member files for tests. */
final class Images {
  static final int SUPERBLOCK = 4096;
  private static final int FEATURE_MAP = 0x08;
  private static final int BBLOG_OFFSET = 0xBC;
  private static final int MAX_DEV = 0xDC;
  private static final int BAD_BLOCKS = 0x8;

  private Images() {}

  /** A file of zeroes that takes no space. */
  static Path sparse(Path file, long bytes) throws IOException {
    try (var made = new RandomAccessFile(file.toFile(), "rw")) {
      made.setLength(bytes);
    }
    return file;
  }

  /** A member that a Linux kernel wrote. */
  static Path ofKernel(Path file, String fixture, int member) throws IOException {
    return Files.write(file, new KernelFixture(fixture).image(member));
  }

  static void write(Path file, long offset, byte[] bytes) throws IOException {
    try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(bytes), offset);
    }
  }

  static void fill(Path file, long offset, int length, int value) throws IOException {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    write(file, offset, bytes);
  }

  static byte[] read(Path file, long offset, int length) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(length);
    try (var channel = FileChannel.open(file)) {
      channel.read(bytes, offset);
    }
    return bytes.array();
  }

  /** Gives a member a bad-block log with one entry. */
  static void badBlocks(Path file, long firstSector, int sectors) throws IOException {
    int log = SUPERBLOCK + superblockInt(file, BBLOG_OFFSET) * 512;
    ByteBuffer entries = ByteBuffer.allocate(512).order(ByteOrder.LITTLE_ENDIAN);
    entries.putLong(firstSector << 10 | sectors);
    while (entries.hasRemaining()) {
      entries.putLong(-1);
    }
    write(file, log, entries.array());
    changeSuperblock(file, FEATURE_MAP, superblockInt(file, FEATURE_MAP) | BAD_BLOCKS);
  }

  static int superblockInt(Path file, int at) throws IOException {
    return ByteBuffer.wrap(read(file, SUPERBLOCK + at, 4)).order(ByteOrder.LITTLE_ENDIAN).getInt();
  }

  /** Changes an int of the superblock and leaves the checksum wrong. */
  static void damageSuperblock(Path file, int at, int value) throws IOException {
    write(
        file,
        SUPERBLOCK + at,
        ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
  }

  /** Changes an int of the superblock and makes the checksum right again. */
  static void changeSuperblock(Path file, int at, int value) throws IOException {
    damageSuperblock(file, at, value);
    ByteBuffer block =
        ByteBuffer.wrap(read(file, SUPERBLOCK, SUPERBLOCK)).order(ByteOrder.LITTLE_ENDIAN);
    long sum = SuperblockCodec.checksum(block, block.getInt(MAX_DEV));
    damageSuperblock(file, 0xD8, (int) sum);
  }
}
