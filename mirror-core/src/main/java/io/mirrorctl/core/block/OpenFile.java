package io.mirrorctl.core.block;

import static io.mirrorctl.core.block.SectorRange.SECTOR_BYTES;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A regular file or block device, opened and claimed, with what was found out about it.
 *
 * @param sizeBytes of the whole units of {@code minimum} bytes
 * @param memoryAlign what a buffer's address must be a multiple of
 * @param direct whether I/O goes past the page cache
 * @param durableWrites whether a write with RWF_DSYNC can be trusted to be durable
 * @param local whether this host's kernel alone serves it, see {@link FileSystem#isLocal}
 */
record OpenFile(
    int descriptor,
    FileStatus status,
    long sizeBytes,
    int minimum,
    int preferred,
    int memoryAlign,
    boolean direct,
    boolean durableWrites,
    boolean local) {

  private static final int LARGEST_UNIT = 4096;

  /**
   * @param wanted whether I/O is to be direct if the file can do that
   */
  static OpenFile open(Path path, DeviceAccess access, boolean wanted) throws IOException {
    FileStatus found = FileStatus.of(path);
    if (!found.isRegularFile() && !found.isBlockDevice()) {
      throw new DeviceException(
          IoFailure.INVALID,
          "%s is %s; a member is a regular file or a block device".formatted(path, found.kind()));
    }
    boolean direct = wanted && found.directOffsetAlign() != 0;
    int fd = direct ? openFlags(path, found, access, Libc.O_DIRECT) : -1;
    if (!direct || Errno.EINVAL.is(fd)) {
      direct = false;
      fd = openFlags(path, found, access, 0);
    }
    if (fd < 0) {
      throw refusal(path, found, access, fd);
    }
    boolean kept = false;
    try {
      OpenFile file = claim(fd, path, found, access, direct);
      kept = true;
      return file;
    } finally {
      if (!kept) {
        Libc.close(fd);
      }
    }
  }

  private static int openFlags(Path path, FileStatus file, DeviceAccess access, int flags) {
    int mode = access instanceof DeviceAccess.ReadOnly ? Libc.O_RDONLY : Libc.O_RDWR;
    boolean alone = file.isBlockDevice() && access instanceof DeviceAccess.Exclusive;
    return Libc.open(path, flags | mode | (alone ? Libc.O_EXCL : 0));
  }

  private static DeviceException refusal(
      Path path, FileStatus file, DeviceAccess access, int result) {
    if (Errno.EBUSY.is(result) && file.isBlockDevice()) {
      return new DeviceException(IoFailure.BUSY, Occupants.ofBlockDevice(file, path.toString()));
    }
    String purpose = access instanceof DeviceAccess.ReadOnly ? "reading" : "writing";
    return Errno.exception(result, "opening %s for %s".formatted(path, purpose));
  }

  private static OpenFile claim(
      int fd, Path path, FileStatus found, DeviceAccess access, boolean direct) throws IOException {
    String name = path.toString();
    FileStatus file = FileStatus.of(fd, name);
    if (!file.isSameFile(found)) {
      throw new DeviceException(
          IoFailure.GONE, name + " was replaced by another file while it was opened; try again");
    }
    Claim.take(fd, file, name, access);
    if (file.isRegularFile() && !(access instanceof DeviceAccess.ReadOnly)) {
      checkNotBelowLoop(path);
    }
    if (file.isBlockDevice()) {
      return disk(fd, path, file, access, direct);
    }
    return regular(fd, name, file, direct);
  }

  private static void checkNotBelowLoop(Path path) throws DeviceException {
    Optional<String> loop = Occupants.loopDeviceOver(path);
    if (loop.isPresent()) {
      throw new DeviceException(
          IoFailure.BUSY,
          "%1$s is in use below %2$s; detach that first (losetup --detach %2$s)"
              .formatted(path, loop.get()));
    }
  }

  private static OpenFile disk(
      int fd, Path path, FileStatus file, DeviceAccess access, boolean direct)
      throws DeviceException {
    String name = path.toString();
    if (access instanceof DeviceAccess.SharedBy) {
      checkNotMounted(fd, path, file);
    }
    if (!(access instanceof DeviceAccess.ReadOnly) && ask(fd, Libc.BLKROGET, name) != 0) {
      throw new DeviceException(IoFailure.READ_ONLY, name + " is a read-only device");
    }
    int logical = (int) ask(fd, Libc.BLKSSZGET, name);
    int physical = (int) ask(fd, Libc.BLKPBSZGET, name);
    int minimum = Math.max(SECTOR_BYTES, logical);
    int memoryAlign = file.directMemoryAlign() > 0 ? file.directMemoryAlign() : minimum;
    long size = wholeUnits(ask(fd, Libc.BLKGETSIZE64, name), minimum, name);
    int preferred = Math.max(LARGEST_UNIT, Math.max(minimum, physical));
    return new OpenFile(fd, file, size, minimum, preferred, memoryAlign, direct, direct, true);
  }

  private static OpenFile regular(int fd, String name, FileStatus file, boolean direct)
      throws DeviceException {
    FileSystem system = FileSystem.of(Libc.fileSystemMagic(fd));
    int minimum = SECTOR_BYTES;
    int memoryAlign = 1;
    if (direct && file.directOffsetAlign() > 0) {
      minimum = Math.max(SECTOR_BYTES, file.directOffsetAlign());
      memoryAlign = file.directMemoryAlign();
    } else if (direct) {
      minimum = unitByTrial(fd, file.sizeBytes());
      memoryAlign = minimum;
    }
    long size = wholeUnits(file.sizeBytes(), minimum, name);
    int preferred = Math.max(minimum, Math.clamp(file.preferredBytes(), LARGEST_UNIT, 1 << 20));
    return new OpenFile(
        fd,
        file,
        size,
        minimum,
        Integer.highestOneBit(preferred),
        memoryAlign,
        direct,
        direct && system.honoursDurableWrites(),
        system.isLocal());
  }

  /** The size as it is now, in whole units. */
  long sizeNow(String name) throws DeviceException {
    long bytes =
        status.isBlockDevice()
            ? ask(descriptor, Libc.BLKGETSIZE64, name)
            : FileStatus.of(descriptor, name).sizeBytes();
    return wholeUnits(bytes, minimum, name);
  }

  /** The smallest unit that a direct read takes, for kernels that cannot be asked. */
  private static int unitByTrial(int fd, long fileBytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(LARGEST_UNIT, LARGEST_UNIT);
      int unit = SECTOR_BYTES;
      while (unit < LARGEST_UNIT) {
        long offset = fileBytes >= 2L * unit ? unit : 0;
        if (!Errno.EINVAL.is(Libc.pread(fd, buffer.asSlice(0, unit), offset))) {
          return unit;
        }
        unit *= 2;
      }
      return unit;
    }
  }

  private static long wholeUnits(long bytes, int unit, String name) throws DeviceException {
    if (bytes < unit) {
      throw new DeviceException(
          IoFailure.INVALID,
          bytes == 0
              ? name + " is empty"
              : "%s has %d bytes, less than one sector of %d".formatted(name, bytes, unit));
    }
    return bytes - bytes % unit;
  }

  /**
   * A shared user cannot keep the device open exclusively, so it looks once, with the claim already
   * in place. Those of one cluster look one after the other, or they would take each other for a
   * mount.
   */
  private static void checkNotMounted(int fd, Path path, FileStatus file) throws DeviceException {
    int alone;
    Claim.takeTurn(fd, path.toString());
    try {
      alone = Libc.open(path, Libc.O_RDONLY | Libc.O_EXCL);
      if (alone >= 0) {
        Libc.close(alone);
      }
    } finally {
      Claim.endTurn(fd);
    }
    if (alone < 0) {
      throw refusal(path, file, new DeviceAccess.Exclusive(), alone);
    }
  }

  private static long ask(int fd, long request, String name) throws DeviceException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment answer = arena.allocate(8, 8);
      int result = Libc.ioctl(fd, request, answer);
      if (result < 0) {
        throw Errno.exception(result, "ioctl 0x%x of %s".formatted(request, name));
      }
      return request == Libc.BLKGETSIZE64
          ? answer.get(ValueLayout.JAVA_LONG, 0)
          : answer.get(ValueLayout.JAVA_INT, 0);
    }
  }
}
