package io.mirrorctl.cli.demo;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.core.env.Env;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** A node as a process of its own, run from the same Java and the same classes as this one. */
final class DemoNode implements AutoCloseable {
  private static final long START_SECONDS = 60;

  private final Process process;
  private final Path socket;
  private final Path nbd;

  private DemoNode(Process process, Path socket, Path nbd) {
    this.process = process;
    this.socket = socket;
    this.nbd = nbd;
  }

  /**
   * Starts a node without arrays, and waits until it serves.
   *
   * @param directory for its sockets and its log
   */
  static DemoNode start(Path directory, Env env) throws IOException {
    Path socket = directory.resolve("node.sock");
    Path nbd = directory.resolve("nbd.sock");
    Path log = directory.resolve("node.log");
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            "io.mirrorctl.cli.Main",
            "node",
            "--name",
            "demo",
            "--socket",
            socket.toString(),
            "--nbd",
            "unix:" + nbd);
    Process process =
        new ProcessBuilder(command)
            .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
            .start();
    DemoNode node = new DemoNode(process, socket, nbd);
    try {
      node.awaitReady(log, env);
      return node;
    } catch (IOException | RuntimeException e) {
      node.close();
      throw e;
    }
  }

  private void awaitReady(Path log, Env env) throws IOException {
    ScheduledFuture<?> guard =
        env.timer().schedule(process::destroyForcibly, START_SECONDS, TimeUnit.SECONDS);
    try {
      String line =
          new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8)).readLine();
      if (line == null || !line.startsWith("ready ")) {
        throw new IOException(
            "the node did not come up within %d s; it said: %s"
                .formatted(START_SECONDS, Files.readString(log).strip()));
      }
    } finally {
      guard.cancel(false);
    }
  }

  long pid() {
    return process.pid();
  }

  NodeClient client() {
    return new NodeClient(socket);
  }

  /** Where NBD clients find the array. */
  String uri(String array) {
    return "nbd+unix:///%s?socket=%s".formatted(array, nbd);
  }

  /** SIGKILL; the process is gone when this returns. */
  void kill() {
    process.destroyForcibly();
    process.onExit().join();
  }

  /** SIGTERM; returns the exit status. */
  int terminate() throws InterruptedException {
    process.destroy();
    return process.waitFor();
  }

  @Override
  public void close() {
    kill();
  }
}
