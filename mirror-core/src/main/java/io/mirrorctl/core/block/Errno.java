package io.mirrorctl.core.block;

/**
 * Linux error numbers that member I/O meets, with what they mean for the user of a device. The
 * numbers are those of x86_64 and aarch64.
 */
enum Errno {
  EPERM(1, IoFailure.READ_ONLY, "Operation not permitted"),
  ENOENT(2, IoFailure.GONE, "No such file or directory"),
  EINTR(4, IoFailure.OTHER, "Interrupted system call"),
  EIO(5, IoFailure.MEDIUM, "Input/output error"),
  ENXIO(6, IoFailure.GONE, "No such device or address"),
  EBADF(9, IoFailure.READ_ONLY, "Bad file descriptor"),
  EAGAIN(11, IoFailure.BUSY, "Resource temporarily unavailable"),
  ENOMEM(12, IoFailure.OTHER, "Cannot allocate memory"),
  EACCES(13, IoFailure.READ_ONLY, "Permission denied"),
  EBUSY(16, IoFailure.BUSY, "Device or resource busy"),
  ENODEV(19, IoFailure.GONE, "No such device"),
  ENOTDIR(20, IoFailure.GONE, "Not a directory"),
  EINVAL(22, IoFailure.INVALID, "Invalid argument"),
  ENFILE(23, IoFailure.OTHER, "Too many open files in system"),
  EMFILE(24, IoFailure.OTHER, "Too many open files"),
  ENOTTY(25, IoFailure.NOT_SUPPORTED, "Inappropriate ioctl for device"),
  ETXTBSY(26, IoFailure.BUSY, "Text file busy"),
  EFBIG(27, IoFailure.NO_SPACE, "File too large"),
  ENOSPC(28, IoFailure.NO_SPACE, "No space left on device"),
  EROFS(30, IoFailure.READ_ONLY, "Read-only file system"),
  ENAMETOOLONG(36, IoFailure.INVALID, "File name too long"),
  ENOLCK(37, IoFailure.NOT_SUPPORTED, "No locks available"),
  ENOSYS(38, IoFailure.NOT_SUPPORTED, "Function not implemented"),
  ELOOP(40, IoFailure.INVALID, "Too many levels of symbolic links"),
  /** A SCSI or NVMe reservation of somebody else keeps this host out. */
  EBADE(52, IoFailure.BUSY, "Reservation conflict"),
  ENODATA(61, IoFailure.MEDIUM, "No data available (the medium lost it)"),
  ETIME(62, IoFailure.TIMEOUT, "Timer expired"),
  /** The transport below the device failed. */
  ENOLINK(67, IoFailure.GONE, "Link has been severed"),
  EBADMSG(74, IoFailure.MEDIUM, "Bad message (checksum of the file system)"),
  EILSEQ(84, IoFailure.MEDIUM, "Integrity data of the sector do not match"),
  EOPNOTSUPP(95, IoFailure.NOT_SUPPORTED, "Operation not supported"),
  ECONNABORTED(103, IoFailure.GONE, "Software caused connection abort"),
  ECONNRESET(104, IoFailure.GONE, "Connection reset by peer"),
  /** What a FUSE file system answers when its server has died. */
  ENOTCONN(107, IoFailure.GONE, "Transport endpoint is not connected"),
  ESHUTDOWN(108, IoFailure.GONE, "Cannot send after transport endpoint shutdown"),
  ETIMEDOUT(110, IoFailure.TIMEOUT, "Connection timed out"),
  EHOSTDOWN(112, IoFailure.GONE, "Host is down"),
  EHOSTUNREACH(113, IoFailure.GONE, "No route to host"),
  ESTALE(116, IoFailure.GONE, "Stale file handle"),
  EUCLEAN(117, IoFailure.MEDIUM, "Structure needs cleaning (the file system is damaged)"),
  EREMOTEIO(121, IoFailure.MEDIUM, "Remote I/O error"),
  EDQUOT(122, IoFailure.NO_SPACE, "Disk quota exceeded"),
  ENOMEDIUM(123, IoFailure.GONE, "No medium found");

  private final int number;
  private final IoFailure failure;
  private final String text;

  Errno(int number, IoFailure failure, String text) {
    this.number = number;
    this.failure = failure;
    this.text = text;
  }

  /** Whether a system call that returned {@code result} (minus the errno if negative) says this. */
  boolean is(long result) {
    return result == -number;
  }

  /** What a system call that fails with this returns. */
  int result() {
    return -number;
  }

  /**
   * The exception for a failed system call.
   *
   * @param result what {@link Libc} returned: minus the errno
   * @param what the call, its size, its place and the device
   */
  static DeviceException exception(long result, String what) {
    for (Errno e : values()) {
      if (e.is(result)) {
        return new DeviceException(e.failure, what + ": " + e.text);
      }
    }
    return new DeviceException(IoFailure.OTHER, what + ": errno " + -result);
  }
}
