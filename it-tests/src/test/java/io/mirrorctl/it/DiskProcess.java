package io.mirrorctl.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** {@code mirrorctl serve-disk} as a process of its own, which serves once this object exists. */
final class DiskProcess implements AutoCloseable {
  private final Path disk;
  private final Path log;
  private final List<String> command;
  private Background process;
  private String ready;

  private DiskProcess(Path disk, Path log, List<String> command) {
    this.disk = disk;
    this.log = log;
    this.command = command;
    start();
  }

  /** Serves the file at a Unix socket beside it, or where the further options say. */
  static DiskProcess start(Path disk, Object... options) {
    Path log = disk.resolveSibling(disk.getFileName() + ".log");
    var command = new ArrayList<>(NodeProcess.java("io.mirrorctl.cli.Main"));
    command.addAll(List.of("serve-disk", disk.toString()));
    if (options.length == 0) {
      command.addAll(List.of("--nbd", "unix:" + disk + ".sock"));
    }
    Stream.of(options).map(Object::toString).forEach(command::add);
    return new DiskProcess(disk, log, command);
  }

  private void start() {
    long seen = readyLines().count();
    process = Background.start(command, log);
    process.await("ready line", () -> readyLines().count() > seen);
    ready = readyLines().reduce((_, last) -> last).orElseThrow();
  }

  private Stream<String> readyLines() {
    return Files.exists(log)
        ? log().lines().filter(line -> line.startsWith("ready "))
        : Stream.empty();
  }

  String log() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Path disk() {
    return disk;
  }

  /** A value of the ready line. */
  String field(String key) {
    return Stream.of(ready.split(" ", -1))
        .filter(field -> field.startsWith(key + "="))
        .findFirst()
        .orElseThrow()
        .substring(key.length() + 1);
  }

  /** The URL under which nodes have it. */
  String url() {
    return "nbd+unix:///%s?socket=%s.sock".formatted(disk.getFileName(), disk);
  }

  /** Which incarnation of the node, and all before it, is refused; and of which cluster. */
  Optional<String> fenced(int node) throws IOException {
    Path state = Path.of(field("state"));
    if (!Files.exists(state)) {
      return Optional.empty();
    }
    return Files.readAllLines(state).stream()
        .map(line -> line.split(" ", -1))
        .filter(words -> words.length == 4 && words[2].equals(Integer.toString(node)))
        .map(words -> words[1] + " " + words[3])
        .findFirst();
  }

  /** SIGKILL. */
  void kill() {
    process.kill();
  }

  /** The same command once more. */
  void restart() {
    start();
  }

  /** SIGTERM; its exit status. */
  int terminate() {
    return process.terminate();
  }

  @Override
  public void close() {
    process.close();
  }
}
