package io.mirrorctl.core.block;

import static org.awaitility.Awaitility.await;

import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A file whose reads and writes are served by qemu-storage-daemon through FUSE, from an image and
 * with the errors that QEMU's blkdebug driver puts in. Needs root and qemu-storage-daemon.
 */
final class QemuFuseExport implements Closeable {
  private final Path path;
  private final Process server;

  private QemuFuseExport(Path path, Process server) {
    this.path = path;
    this.server = server;
  }

  /**
   * An error of the export.
   *
   * @param operation as blkdebug calls it: read, write, write-zeroes, discard, flush
   * @param sector of 512 bytes; a negative one stands for any
   * @param errno as Linux numbers it
   * @param once whether only the first such request fails
   */
  record Fault(String operation, long sector, int errno, boolean once) {
    Fault(String operation, long sector, int errno) {
      this(operation, sector, errno, false);
    }
  }

  /** Serves the image, which is raw, at {@code mountPoint}, a file that is made here. */
  static QemuFuseExport of(Path image, Path mountPoint, Fault... faults) throws IOException {
    StringBuilder debug = new StringBuilder("driver=blkdebug,node-name=debug,image=file");
    for (int i = 0; i < faults.length; i++) {
      Fault fault = faults[i];
      String rule = ",inject-error.%d.".formatted(i);
      debug.append(rule).append("event=none");
      debug.append(rule).append("iotype=").append(fault.operation());
      debug.append(rule).append("errno=").append(fault.errno());
      debug.append(rule).append("once=").append(fault.once() ? "on" : "off");
      debug.append(rule).append("sector=").append(Math.max(-1, fault.sector()));
    }
    Files.createFile(mountPoint);
    List<String> command = new ArrayList<>(List.of("qemu-storage-daemon"));
    command.add("--blockdev");
    command.add("driver=file,node-name=file,discard=unmap,filename=" + image);
    command.add("--blockdev");
    command.add(debug.toString());
    command.add("--export");
    command.add("fuse,id=export,node-name=debug,writable=on,mountpoint=" + mountPoint);
    Process server = new ProcessBuilder(command).inheritIO().start();
    await()
        .atMost(Duration.ofSeconds(20))
        .until(() -> Files.size(mountPoint) == Files.size(image) || !server.isAlive());
    if (!server.isAlive()) {
      throw new IOException("qemu-storage-daemon ended with code " + server.exitValue());
    }
    return new QemuFuseExport(mountPoint, server);
  }

  /** The exported file. */
  Path path() {
    return path;
  }

  /** Kills the server as a crash would: the file answers ENOTCONN from then on. */
  void kill() {
    server.destroyForcibly().onExit().join();
  }

  @Override
  public void close() throws IOException {
    if (server.isAlive()) {
      server.destroy();
    }
    try {
      server.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("waiting for the end of qemu-storage-daemon");
    }
    Commands.tryToRun("fusermount3", "-u", "-q", path.toString()); // left behind by a kill
  }
}
