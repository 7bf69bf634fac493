package io.mirrorctl.it;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A node as a process of its own, from the classes under test, which serves once this object
 * exists.
 */
public final class NodeProcess implements AutoCloseable {
  private static final String READY = "ready ";

  private final List<String> command;
  private final Path log;
  private Background process;
  private Ready ready;

  private NodeProcess(List<String> command, Path log) {
    this.command = command;
    this.log = log;
    start();
  }

  /**
   * Starts {@code mirrorctl node} and waits for its ready line.
   *
   * @param log takes what the node prints; must not exist yet
   * @param arguments those behind the word {@code node}
   */
  public static NodeProcess start(Path log, Object... arguments) {
    var command = new ArrayList<>(java("io.mirrorctl.cli.Main"));
    command.add("node");
    Arrays.stream(arguments).map(Object::toString).forEach(command::add);
    return new NodeProcess(command, log);
  }

  /** Starts another program that prints a ready line. */
  static NodeProcess ofCommand(Path log, List<String> command) {
    return new NodeProcess(command, log);
  }

  /** The command that runs a main class with this test's class path on this test's JDK. */
  static List<String> java(String mainClass) {
    // the test runner starts from a jar that only points at the class path
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--enable-native-access=ALL-UNNAMED",
        "-XX:+ExitOnOutOfMemoryError",
        "-Xmx512m",
        "-Dmirrorctl.log=" + System.getProperty("mirrorctl.log", "warn"),
        "-cp",
        classPath,
        mainClass);
  }

  private void start() {
    int seen = process == null ? 0 : readyLines().size();
    process = Background.start(command, log);
    process.await("ready line", () -> readyLines().size() > seen);
    ready = Ready.parse(readyLines().getLast());
  }

  private List<String> readyLines() {
    // a line without its end is still being written
    String text = log();
    return text.substring(0, text.lastIndexOf('\n') + 1)
        .lines()
        .filter(line -> line.startsWith(READY))
        .toList();
  }

  /** What the node said when it began to serve. */
  public Ready ready() {
    return ready;
  }

  /** Everything the node has printed, over all its restarts. */
  public String log() {
    return process.log();
  }

  /** Has the node, if it runs, print into its log where its threads are. */
  void dumpThreads() {
    process.dumpThreads();
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  public long pid() {
    return process.pid();
  }

  /** SIGKILL: the node is gone when this returns. */
  public void kill() {
    process.kill();
  }

  /** SIGTERM: the node drains and leaves; returns its exit status. */
  public int terminate() {
    return process.terminate();
  }

  /** SIGSTOP. */
  public void pause() {
    process.pause();
  }

  /** SIGCONT. */
  public void resume() {
    process.resume();
  }

  /** Starts the same command again after the node has ended, and waits for its ready line. */
  public void restart() {
    if (process.isAlive()) {
      throw new IllegalStateException("the node still runs");
    }
    start();
  }

  @Override
  public void close() {
    process.close();
  }

  /**
   * The ready line.
   *
   * @param name the node's name
   * @param socket the control socket
   * @param nbd addresses of the NBD server, {@code host:port} or {@code unix:PATH}
   * @param fields all the keys of the line
   */
  public record Ready(String name, Path socket, List<String> nbd, Map<String, String> fields) {

    static Ready parse(String line) {
      var fields = new HashMap<String, String>();
      for (String field : line.substring(READY.length()).split(" ", -1)) {
        int equals = field.indexOf('=');
        if (equals < 1) {
          throw new AssertionError("no key in \"%s\" of the ready line: %s".formatted(field, line));
        }
        fields.put(field.substring(0, equals), field.substring(equals + 1));
      }
      for (String key : List.of("name", "socket", "nbd")) {
        if (!fields.containsKey(key)) {
          throw new AssertionError("the ready line has no %s: %s".formatted(key, line));
        }
      }
      return new Ready(
          fields.get("name"),
          Path.of(fields.get("socket")),
          fields.get("nbd").isEmpty() ? List.of() : List.of(fields.get("nbd").split(",", -1)),
          Map.copyOf(fields));
    }

    /** The NBD URI of an export at the node's first address. */
    public String uri(String export) {
      String address = nbd.getFirst();
      return address.startsWith("unix:")
          ? "nbd+unix:///%s?socket=%s".formatted(export, address.substring("unix:".length()))
          : "nbd://%s/%s".formatted(address, export);
    }
  }
}
