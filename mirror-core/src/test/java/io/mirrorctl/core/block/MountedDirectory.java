package io.mirrorctl.core.block;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;

/** A file system mounted for a test; needs root. */
record MountedDirectory(Path path, LoopDevice below) implements Closeable {

  /** A file system without direct I/O, hole punching or anything else. */
  static MountedDirectory ramfs(Path directory) throws Exception {
    HostNeeds.requireRoot();
    Commands.run("mount", "-t", "ramfs", "none", directory.toString());
    return new MountedDirectory(directory, null);
  }

  /** An ext4 file system of this size on a loop device over {@code image}, which is sparse. */
  static MountedDirectory ext4(Path image, Path directory) throws Exception {
    Commands.run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0", image.toString());
    LoopDevice loop = LoopDevice.over(image, 512);
    Commands.run("mount", loop.path().toString(), directory.toString());
    return new MountedDirectory(directory, loop);
  }

  void makeReadOnly() throws Exception {
    Commands.run("mount", "-o", "remount,ro", path.toString());
  }

  @Override
  public void close() throws IOException {
    try {
      Commands.run("umount", path.toString());
    } finally {
      if (below != null) {
        below.close();
      }
    }
  }
}
