package io.mirrorctl.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A file that shows the content of an image and answers chosen requests with errors: the FUSE
 * export of qemu-storage-daemon with blkdebug below it. It takes direct I/O and keeps its size.
 */
public final class FuseFaultyFile implements AutoCloseable {
  private final Path mountPoint;
  private final Background daemon;

  private FuseFaultyFile(Path mountPoint, Background daemon) {
    this.mountPoint = mountPoint;
    this.daemon = daemon;
  }

  /**
   * Puts errors in front of an image.
   *
   * @param mountPoint the file to be read and written; made by this call
   */
  public static FuseFaultyFile inFrontOf(Path image, Path mountPoint, Fault... faults) {
    try {
      Files.createFile(mountPoint);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    var rules = new StringBuilder();
    for (int i = 0; i < faults.length; i++) {
      rules.append(faults[i].toOptions(i));
    }
    var command = new ArrayList<String>();
    command.add("qemu-storage-daemon");
    command.addAll(List.of("--blockdev", "driver=file,node-name=image,filename=" + image));
    command.addAll(List.of("--blockdev", "driver=blkdebug,node-name=faulty,image=image" + rules));
    command.addAll(
        List.of(
            "--export",
            "type=fuse,id=e,node-name=faulty,writable=on,growable=off,mountpoint=" + mountPoint));
    var daemon =
        Background.start(command, mountPoint.resolveSibling(mountPoint.getFileName() + ".log"));
    try {
      daemon.await("mount on " + mountPoint, () -> Mounts.isMountPoint(mountPoint));
    } catch (AssertionError e) {
      Mounts.detach(mountPoint);
      throw e;
    }
    return new FuseFaultyFile(mountPoint, daemon);
  }

  /** The file with the errors. */
  public Path path() {
    return mountPoint;
  }

  /** Takes the disk away: from now on every request fails, as on a disk that was pulled. */
  public void vanish() {
    daemon.kill();
  }

  /** Ends the daemon and takes the mount away; the image stays. */
  @Override
  public void close() {
    daemon.close();
    Mounts.detach(mountPoint);
  }
}
