package io.mirrorctl.core.block;

/** What is known of file systems by the magic numbers that statfs(2) gives. */
final class FileSystems {
  private static final int EXT = 0xef53;
  private static final int XFS = 0x58465342;
  private static final int BTRFS = 0x9123683e;
  private static final int F2FS = 0xf2f52010;
  private static final int TMPFS = 0x01021994;
  private static final int OVERLAYFS = 0x794c7630;
  private static final int ZFS = 0x2fc12fc1;

  private FileSystems() {}

  /**
   * Whether a direct write with RWF_DSYNC is durable when it returns. Not every file system sees to
   * it: FUSE, for one, hands the flag to its server and returns, so a server that overlooks the
   * flag makes the write a promise. Those not known here get a plain write and fdatasync.
   */
  static boolean honoursDurableWrites(long magic) {
    return switch ((int) magic) {
      case EXT, XFS, BTRFS -> true;
      default -> false;
    };
  }

  /** Whether this host's kernel alone decides what a flush covers. */
  static boolean isLocal(long magic) {
    return switch ((int) magic) {
      case EXT, XFS, BTRFS, F2FS, TMPFS, OVERLAYFS, ZFS -> true;
      default -> false;
    };
  }
}
