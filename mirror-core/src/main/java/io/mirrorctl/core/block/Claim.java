package io.mirrorctl.core.block;

import com.google.common.hash.Hashing;
import java.nio.charset.StandardCharsets;

/**
 * Locks by which the users of one file keep out of each other's way.
 *
 * <p>They are byte-range locks of an open file description (OFD): two descriptors of one process
 * exclude each other, and closing some other descriptor of the file does not drop them, as it does
 * with POSIX locks. All lie in a region far behind any data:
 *
 * <pre>
 *   exclusive         write lock on the whole region
 *   shared by C       read lock on the one byte that the hash of C chooses
 *   somebody's turn   write lock on byte 0 of the region, for a moment
 * </pre>
 *
 * <p>A shared claim is taken first and checked second: it stands only if nobody holds any other
 * byte. Two clusters that race may both be refused, but never both accepted, since each sees the
 * other's byte once its own is taken.
 *
 * <p>QEMU announces its use of an image by read locks: byte 100 + p for a permission p it uses,
 * byte 200 + p for one it denies to others (p is 0 for consistent reads, 1 for writes, 3 for
 * resizing). Every claim here denies writes and resizing in that language and is refused while a
 * QEMU writes; an exclusive one also says that it writes, and is refused while a QEMU denies that.
 */
final class Claim {
  private static final long REGION = 1L << 62;
  private static final long REGION_BYTES = 1L << 61;

  private static final long QEMU_WRITES = 101;
  private static final long QEMU_DENIES_WRITES = 201;
  private static final long QEMU_DENIES_RESIZE = 203;

  private Claim() {}

  /** Whether a lock in this place of a file belongs to a claim. */
  static boolean owns(long firstByte) {
    return firstByte >= REGION;
  }

  /**
   * Claims the open file.
   *
   * @throws DeviceException of kind {@link IoFailure#BUSY} if somebody else has it
   */
  static void take(int fd, FileStatus file, String name, DeviceAccess access)
      throws DeviceException {
    switch (access) {
      case DeviceAccess.ReadOnly _ -> {}
      case DeviceAccess.Exclusive _ -> takeExclusive(fd, file, name);
      case DeviceAccess.SharedBy shared -> takeShared(fd, file, name, shared);
    }
  }

  private static void takeExclusive(int fd, FileStatus file, String name) throws DeviceException {
    if (!lock(fd, name, Libc.LOCK_WRITE, REGION, REGION_BYTES)) {
      throw refused(file, name);
    }
    if (!lock(fd, name, Libc.LOCK_READ, QEMU_WRITES, 1)
        || conflicts(fd, name, QEMU_DENIES_WRITES, 1)) {
      throw refused(file, name);
    }
    keepQemuOut(fd, file, name);
  }

  private static void takeShared(int fd, FileStatus file, String name, DeviceAccess.SharedBy access)
      throws DeviceException {
    long own = REGION + byteOf(access.cluster());
    if (!lock(fd, name, Libc.LOCK_READ, own, 1)
        || conflicts(fd, name, REGION + 1, own - REGION - 1)
        || conflicts(fd, name, own + 1, REGION + REGION_BYTES - own - 1)) {
      throw refused(file, name);
    }
    keepQemuOut(fd, file, name);
  }

  /**
   * Waits until no other holder of a shared claim is in its turn. A turn is two system calls long,
   * so only a process that is stopped in between makes others wait.
   */
  static void takeTurn(int fd, String name) throws DeviceException {
    check(Libc.waitForLock(fd, Libc.LOCK_WRITE, REGION, 1), name);
  }

  static void endTurn(int fd) {
    Libc.setLock(fd, Libc.LOCK_NONE, REGION, 1);
  }

  /** A QEMU that wants to write sees our locks, or we see its own. */
  private static void keepQemuOut(int fd, FileStatus file, String name) throws DeviceException {
    if (!lock(fd, name, Libc.LOCK_READ, QEMU_DENIES_WRITES, 1)
        || !lock(fd, name, Libc.LOCK_READ, QEMU_DENIES_RESIZE, 1)
        || conflicts(fd, name, QEMU_WRITES, 1)) {
      throw refused(file, name);
    }
  }

  /** The byte of a cluster, from 2 to the last but one, so that there are others on both sides. */
  private static long byteOf(String cluster) {
    long hash = Hashing.sha256().hashString(cluster, StandardCharsets.UTF_8).asLong();
    return 2 + Long.remainderUnsigned(hash, REGION_BYTES - 3);
  }

  private static boolean lock(int fd, String name, short type, long start, long length)
      throws DeviceException {
    int result = Libc.setLock(fd, type, start, length);
    if (Errno.EAGAIN.is(result) || Errno.EACCES.is(result)) {
      return false;
    }
    check(result, name);
    return true;
  }

  private static boolean conflicts(int fd, String name, long start, long length)
      throws DeviceException {
    int result = Libc.wouldConflict(fd, Libc.LOCK_WRITE, start, length);
    check(result, name);
    return result == 1;
  }

  private static void check(int result, String name) throws DeviceException {
    if (result < 0) {
      throw Errno.exception(
          result, "locking " + name + " (members need a file system with byte-range locks)");
    }
  }

  private static DeviceException refused(FileStatus file, String name) {
    return new DeviceException(IoFailure.BUSY, Occupants.of(file, name));
  }
}
