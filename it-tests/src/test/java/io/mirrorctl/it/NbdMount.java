package io.mirrorctl.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * An NBD export used as a disk of this machine: nbdfuse shows it as a file, a loop device makes it
 * a disk, and an ext4 file system lies on that. Needs root.
 */
public final class NbdMount implements AutoCloseable {
  private final Path directory;
  private final Path mountPoint;
  private final Path disk;
  private final Background nbdfuse;
  private final LoopDevice loop;

  private NbdMount(Path directory, Background nbdfuse, Path disk) {
    this.directory = directory;
    this.nbdfuse = nbdfuse;
    this.disk = disk;
    this.mountPoint = directory.resolve("fs");
    this.loop = LoopDevice.attach(disk);
  }

  /**
   * Connects to an export.
   *
   * @param directory for the mount points and the log of nbdfuse; made by this call
   */
  public static NbdMount connect(String uri, Path directory) {
    Path disk = directory.resolve("disk");
    try {
      Files.createDirectory(directory);
      Files.createFile(disk);
      Files.createDirectory(directory.resolve("fs"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    var nbdfuse =
        Background.start(
            List.of("nbdfuse", disk.toString(), uri), directory.resolve("nbdfuse.log"));
    try {
      nbdfuse.await("mount on " + disk, () -> Mounts.isMountPoint(disk) && Files.size(disk) > 0);
      return new NbdMount(directory, nbdfuse, disk);
    } catch (AssertionError e) {
      nbdfuse.kill();
      Mounts.detach(disk);
      throw e;
    }
  }

  /** The export as a block device. */
  public Path device() {
    return loop.path();
  }

  /** Where the file system is mounted. */
  public Path root() {
    return mountPoint;
  }

  /** Makes an ext4 file system; what was there is lost. */
  public NbdMount format() {
    Tool.of("mkfs.ext4", "-q", "-F", "-E", "nodiscard", device()).run();
    return this;
  }

  /** Mounts the file system, which replays its journal. */
  public NbdMount mount() {
    Tool.of("mount", "-t", "ext4", device(), mountPoint).run();
    return this;
  }

  /** Mounts the file system, which must need no repair, without writing anything. */
  public NbdMount mountReadOnly() {
    Tool.of("mount", "-t", "ext4", "-o", "ro,noload", device(), mountPoint).run();
    return this;
  }

  public void unmount() {
    Tool.of("umount", mountPoint).run();
  }

  /** Fails unless the file system, not mounted at the moment, is without a fault. */
  public void check() {
    Tool.of("e2fsck", "-f", "-n", device()).run();
  }

  /** The directory of this mount, with the log of nbdfuse. */
  public Path directory() {
    return directory;
  }

  /** Unmounts and disconnects, also when the server has gone away. */
  @Override
  public void close() {
    if (Mounts.isMountPoint(mountPoint)) {
      Tool.of("umount", mountPoint).runToAnyEnd();
      Mounts.detach(mountPoint);
    }
    try {
      loop.close();
    } finally {
      nbdfuse.close();
      Mounts.detach(disk);
    }
  }
}
