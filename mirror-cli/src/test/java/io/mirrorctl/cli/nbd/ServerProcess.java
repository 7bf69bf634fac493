package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.HostNeeds;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;

/** A foreign NBD server, run as a program of this machine. */
final class ServerProcess implements Closeable {
  private final List<String> command;
  private final SocketAddress address;
  private final NbdUri uri;
  private final Path log;
  private Process process;

  private ServerProcess(List<String> command, SocketAddress address, String uri, Path log)
      throws IOException {
    this.command = command;
    this.address = address;
    this.uri = NbdUri.parse(uri);
    this.log = log;
    start();
  }

  /** nbdkit on a Unix socket in the directory. */
  static ServerProcess nbdkit(Path dir, String... arguments) throws IOException {
    Path socket = dir.resolve("nbdkit.sock");
    var command = new ArrayList<>(List.of("nbdkit", "-f", "-U", socket.toString()));
    command.addAll(List.of(arguments));
    return new ServerProcess(
        command,
        UnixDomainSocketAddress.of(socket),
        "nbd+unix:///?socket=" + socket,
        dir.resolve("nbdkit.log"));
  }

  /** nbdkit with TLS on a TCP port of this machine. */
  static ServerProcess nbdkitOverTls(Path dir, Path certificates, String... arguments)
      throws IOException {
    int port = freePort();
    var command =
        new ArrayList<>(
            List.of(
                "nbdkit",
                "-f",
                "-i",
                "127.0.0.1",
                "-p",
                Integer.toString(port),
                "--tls=require",
                "--tls-certificates=" + certificates));
    command.addAll(List.of(arguments));
    return new ServerProcess(
        command,
        new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
        "nbds://localhost:" + port + "/",
        dir.resolve("nbdkit.log"));
  }

  /** qemu-nbd on a TCP port of this machine; the arguments end with the file. */
  static ServerProcess qemuNbd(Path dir, String scheme, String... arguments) throws IOException {
    int port = freePort();
    var command =
        new ArrayList<>(
            List.of(
                "qemu-nbd",
                "--persistent",
                "--format=raw",
                "--shared=16",
                "--bind=127.0.0.1",
                "--port=" + port,
                "--export-name=disk 1"));
    command.addAll(List.of(arguments));
    return new ServerProcess(
        command,
        new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
        scheme + "://localhost:" + port + "/disk%201",
        dir.resolve("qemu-nbd.log"));
  }

  /** qemu-storage-daemon that exports a file on a Unix socket in the directory. */
  static ServerProcess storageDaemon(Path dir, Path file) throws IOException {
    Path socket = dir.resolve("qsd.sock");
    return new ServerProcess(
        List.of(
            "qemu-storage-daemon",
            "--blockdev",
            "driver=file,node-name=disk,discard=unmap,filename=" + file,
            "--nbd-server",
            "addr.type=unix,addr.path=" + socket,
            "--export",
            "type=nbd,id=e,node-name=disk,name=disk,writable=on"),
        UnixDomainSocketAddress.of(socket),
        "nbd+unix:///disk?socket=" + socket,
        dir.resolve("qsd.log"));
  }

  private static int freePort() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  NbdUri uri() {
    return uri;
  }

  /** Starts the server, again if it was killed, and waits until it takes connections. */
  void start() throws IOException {
    if (address instanceof UnixDomainSocketAddress unix) {
      Files.deleteIfExists(unix.getPath());
    }
    try {
      process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
    } catch (IOException e) {
      throw HostNeeds.unmet(e.getMessage());
    }
    Awaitility.await()
        .pollInterval(Duration.ofMillis(5))
        .atMost(Duration.ofSeconds(20))
        .until(this::takesConnections);
  }

  private boolean takesConnections() throws IOException {
    if (!process.isAlive()) {
      throw new IOException(command + " has ended: " + Files.readString(log));
    }
    try (var _ = SocketChannel.open(address)) {
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /** SIGKILL. */
  void kill() {
    process.destroyForcibly();
    waitForTheEnd();
  }

  /** Another signal, by name. */
  void signal(String name) throws IOException, InterruptedException {
    new ProcessBuilder("sh", "-c", "kill -%s %d".formatted(name, process.pid())).start().waitFor();
  }

  private void waitForTheEnd() {
    try {
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        throw new AssertionError(command + " does not end");
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    kill();
  }
}
