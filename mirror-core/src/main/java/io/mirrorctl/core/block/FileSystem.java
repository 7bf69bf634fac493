package io.mirrorctl.core.block;

/**
 * File systems whose promises are known to hold, by the magic numbers that statfs(2) gives.
 *
 * <p>Others, FUSE and the network ones among them, hand requests to a server that may do less than
 * it was asked for. QEMU's FUSE export, for one, takes hole punching for a hint and leaves the
 * data; and FUSE passes a durable write on as a flag, which a server may overlook. There, zeroes
 * are written, flushes are separate calls, and everything counts as allocated.
 */
enum FileSystem {
  EXT(0xef53, true),
  XFS(0x58465342, true),
  BTRFS(0x9123683e, true),
  F2FS(0xf2f52010, false),
  TMPFS(0x01021994, false),
  OVERLAYFS(0x794c7630, false),
  ZFS(0x2fc12fc1, false),
  OTHER(0, false);

  private final int magic;
  private final boolean durableWrites;

  FileSystem(int magic, boolean durableWrites) {
    this.magic = magic;
    this.durableWrites = durableWrites;
  }

  static FileSystem of(long magic) {
    for (FileSystem known : values()) {
      if (known.magic == (int) magic) {
        return known;
      }
    }
    return OTHER;
  }

  /** Whether a direct write with RWF_DSYNC is durable when it returns. */
  boolean honoursDurableWrites() {
    return durableWrites;
  }

  /**
   * Whether this host's kernel alone serves the file: holes read as zeroes and are told from data,
   * and a flush covers the writes of all users.
   */
  boolean isLocal() {
    return this != OTHER;
  }
}
