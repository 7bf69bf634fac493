package io.mirrorctl.dlm.zookeeper;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Three real ZooKeeper servers in processes of their own, numbered 0 to 2, that can be killed,
 * stopped and started again. Sessions may last from one to ten seconds (ticks of 500 ms).
 */
public final class ZooKeeperEnsemble implements AutoCloseable {
  private static final int SIZE = 3;
  private static final int PORTS_EACH = 3;
  private static final Duration TICK = Duration.ofMillis(500);
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int LEAST_PORT = 15_000;
  private static final int MOST_PORT = 32_000;
  private static final int SOCKET_MILLIS = 1000;
  private static final List<String> OPTIONS =
      List.of(
          "-Xms32m",
          "-Xmx96m",
          "-Dzookeeper.admin.enableServer=false",
          "-Dzookeeper.4lw.commands.whitelist=*",
          "-Dzookeeper.preAllocSize=1024");

  private final Path directory;
  private final Duration tick;
  private final List<Integer> ports;
  private final ChildJvm[] servers = new ChildJvm[SIZE];

  private ZooKeeperEnsemble(Path directory, Duration tick) {
    this.directory = directory;
    this.tick = tick;
    this.ports = freePorts(SIZE * PORTS_EACH);
  }

  /** Starts the servers and waits until all of them serve. */
  public static ZooKeeperEnsemble start(Path directory) {
    return start(directory, TICK);
  }

  /** The same with other ticks. */
  public static ZooKeeperEnsemble start(Path directory, Duration tick) {
    var ensemble = new ZooKeeperEnsemble(directory, tick);
    boolean serving = false;
    try {
      for (int server = 0; server < SIZE; server++) {
        ensemble.configure(server);
        ensemble.start(server);
      }
      ensemble.awaitAll();
      serving = true;
      return ensemble;
    } finally {
      if (!serving) {
        ensemble.close();
      }
    }
  }

  private void configure(int server) {
    List<String> lines = new ArrayList<>();
    lines.add("tickTime=" + tick.toMillis());
    lines.add("initLimit=20");
    lines.add("syncLimit=5");
    lines.add("dataDir=" + home(server));
    lines.add("clientPortAddress=127.0.0.1");
    lines.add("clientPort=" + clientPort(server));
    lines.add("maxClientCnxns=0");
    for (int other = 0; other < SIZE; other++) {
      lines.add(
          "server.%d=127.0.0.1:%d:%d"
              .formatted(
                  other + 1, ports.get(PORTS_EACH * other + 1), ports.get(PORTS_EACH * other + 2)));
    }
    try {
      Files.createDirectories(home(server));
      Files.write(home(server).resolve("zoo.cfg"), lines);
      Files.writeString(home(server).resolve("myid"), Integer.toString(server + 1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Path home(int server) {
    return directory.resolve("server-" + server);
  }

  private int clientPort(int server) {
    return ports.get(PORTS_EACH * server);
  }

  /** To reach any of the servers. */
  public String connectString() {
    return IntStream.range(0, SIZE).mapToObj(this::connectString).collect(Collectors.joining(","));
  }

  /** To reach this server and no other. */
  public String connectString(int server) {
    return "127.0.0.1:" + clientPort(server);
  }

  /** Starts a server that was killed; see {@link #awaitServing}. */
  public void start(int server) {
    servers[server] =
        ChildJvm.start(
            home(server).resolve("output"),
            QuorumServer.class,
            OPTIONS,
            home(server).resolve("zoo.cfg").toString());
  }

  /** SIGKILL. */
  public void kill(int server) {
    servers[server].kill();
  }

  /** SIGSTOP. */
  public void pause(int server) {
    servers[server].pause();
  }

  /** SIGCONT. */
  public void resume(int server) {
    servers[server].resume();
  }

  public boolean isAlive(int server) {
    return servers[server].isAlive();
  }

  /** Number of the leader; waits until there is one. */
  public int leader() {
    return awaitMode("leader");
  }

  /** Number of a server that follows the leader; waits until there is one. */
  public int follower() {
    return awaitMode("follower");
  }

  /** Waits until the server serves clients. */
  public void awaitServing(int server) {
    await().atMost(PATIENCE).until(() -> mode(server).isPresent());
  }

  /** Waits until all servers serve clients. */
  public void awaitAll() {
    IntStream.range(0, SIZE).forEach(this::awaitServing);
  }

  private int awaitMode(String wanted) {
    return await()
        .atMost(PATIENCE)
        .until(
            () ->
                IntStream.range(0, SIZE)
                    .filter(server -> mode(server).filter(wanted::equals).isPresent())
                    .findFirst(),
            found -> found.isPresent())
        .getAsInt();
  }

  /** "leader" or "follower", if the server serves at all. */
  private Optional<String> mode(int server) {
    if (!servers[server].isAlive()) {
      return Optional.empty();
    }
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), clientPort(server))) {
      socket.setSoTimeout(SOCKET_MILLIS);
      socket.getOutputStream().write("srvr".getBytes(StandardCharsets.US_ASCII));
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      return answer
          .lines()
          .filter(line -> line.startsWith("Mode: "))
          .map(line -> line.substring("Mode: ".length()))
          .findFirst();
    } catch (IOException _) {
      return Optional.empty();
    }
  }

  @Override
  public void close() {
    for (ChildJvm server : servers) {
      if (server != null) {
        server.kill();
      }
    }
  }

  /**
   * Below the range from which clients get their ports: a server that starts again needs its own.
   */
  private static List<Integer> freePorts(int count) {
    var random = new SplittableRandom();
    Set<Integer> free = new LinkedHashSet<>();
    while (free.size() < count) {
      int port = random.nextInt(LEAST_PORT, MOST_PORT);
      try (var _ = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
        free.add(port);
      } catch (IOException _) {
        // taken
      }
    }
    return List.copyOf(free);
  }
}
