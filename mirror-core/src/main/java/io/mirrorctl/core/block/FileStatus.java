package io.mirrorctl.core.block;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/**
 * What {@code statx} tells about a file.
 *
 * @param directMemoryAlign of a buffer's address for direct I/O; -1 if the kernel does not say, 0
 *     if the file takes no direct I/O
 * @param directOffsetAlign the same for offsets and lengths
 */
record FileStatus(
    int mode,
    long inode,
    long sizeBytes,
    int preferredBytes,
    int deviceMajor,
    int deviceMinor,
    int fileSystemMajor,
    int fileSystemMinor,
    int directMemoryAlign,
    int directOffsetAlign) {

  /** Size of {@code struct statx}. */
  private static final int BYTES = 256;

  private static final int STATX_DIOALIGN = 0x2000;

  static FileStatus of(Path path) throws DeviceException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment statx = arena.allocate(BYTES, 8);
      int result = Libc.statx(path, statx);
      if (result < 0) {
        throw Errno.exception(result, path.toString());
      }
      return decode(statx);
    }
  }

  static FileStatus of(int fd, String name) throws DeviceException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment statx = arena.allocate(BYTES, 8);
      int result = Libc.statx(fd, statx);
      if (result < 0) {
        throw Errno.exception(result, "statx of " + name);
      }
      return decode(statx);
    }
  }

  private static FileStatus decode(MemorySegment statx) {
    boolean directKnown = (int32(statx, 0) & STATX_DIOALIGN) != 0;
    return new FileStatus(
        Short.toUnsignedInt(statx.get(ValueLayout.JAVA_SHORT, 28)),
        statx.get(ValueLayout.JAVA_LONG, 32),
        statx.get(ValueLayout.JAVA_LONG, 40),
        int32(statx, 4),
        int32(statx, 128),
        int32(statx, 132),
        int32(statx, 136),
        int32(statx, 140),
        directKnown ? int32(statx, 152) : -1,
        directKnown ? int32(statx, 156) : -1);
  }

  private static int int32(MemorySegment statx, long at) {
    return statx.get(ValueLayout.JAVA_INT, at);
  }

  boolean isRegularFile() {
    return type() == 0x8000;
  }

  boolean isBlockDevice() {
    return type() == 0x6000;
  }

  boolean isSameFile(FileStatus other) {
    return inode == other.inode
        && fileSystemMajor == other.fileSystemMajor
        && fileSystemMinor == other.fileSystemMinor;
  }

  /** What kind of thing this is, in words. */
  String kind() {
    return switch (type()) {
      case 0x1000 -> "a fifo";
      case 0x2000 -> "a character device";
      case 0x4000 -> "a directory";
      case 0x6000 -> "a block device";
      case 0x8000 -> "a regular file";
      case 0xc000 -> "a socket";
      default -> "neither a file nor a block device";
    };
  }

  private int type() {
    return mode & 0xf000;
  }
}
