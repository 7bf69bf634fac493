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
final class DemoNode {
  private static final long START_SECONDS = 60;

  private final String name;
  private final Process process;
  private final Path socket;
  private final Path nbd;
  private final Path log;

  private DemoNode(String name, Process process, Path socket, Path nbd, Path log) {
    this.name = name;
    this.process = process;
    this.socket = socket;
    this.nbd = nbd;
    this.log = log;
  }

  /**
   * Starts a node without arrays.
   *
   * @param scratch directory for its sockets
   * @param log takes what it says
   * @param cluster the options that make it one of a cluster
   */
  static DemoNode spawn(String name, Path scratch, Path log, List<String> cluster)
      throws IOException {
    Path socket = scratch.resolve(name + ".sock");
    Path nbd = scratch.resolve(name + ".nbd");
    var builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            "io.mirrorctl.cli.Main",
            "node",
            "--name",
            name,
            "--socket",
            socket.toString(),
            "--nbd",
            "unix:" + nbd);
    builder.command().addAll(cluster);
    Process process = builder.redirectError(ProcessBuilder.Redirect.appendTo(log.toFile())).start();
    return new DemoNode(name, process, socket, nbd, log);
  }

  /** Waits until it serves. */
  void awaitReady(Env env) throws IOException {
    ScheduledFuture<?> guard =
        env.timer().schedule(process::destroyForcibly, START_SECONDS, TimeUnit.SECONDS);
    try {
      String line =
          new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8)).readLine();
      if (line == null || !line.startsWith("ready ")) {
        throw new IOException(
            "node %s did not come up within %d s; it said: %s"
                .formatted(name, START_SECONDS, Files.readString(log).strip()));
      }
    } finally {
      guard.cancel(false);
    }
  }

  String name() {
    return name;
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
}
