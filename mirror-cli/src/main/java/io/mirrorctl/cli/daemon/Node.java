package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.cluster.ClusterEvent;
import io.mirrorctl.cli.cluster.ClusterSeat;
import io.mirrorctl.cli.nbd.NbdAddress;
import io.mirrorctl.cli.nbd.NbdExports;
import io.mirrorctl.cli.nbd.NbdServer;
import io.mirrorctl.cli.nbd.NbdServerConfig;
import io.mirrorctl.core.env.Env;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A node: runs arrays, for itself or together with the other nodes of its cluster, offers them over
 * NBD, and does what commands ask over the control socket.
 *
 * <p>Threading: any thread. Failure: {@link #start} leaves nothing behind when it fails.
 */
public final class Node implements Closeable {
  private static final System.Logger LOG = System.getLogger(Node.class.getName());

  private final NodeConfig config;
  private final ControlSocket socket;
  private final Optional<ClusterSeat> seat;
  private final NbdExports exports;
  private final NodeArrays arrays;
  private final Scans scans;
  private final Insight insight;
  private final ControlServer control;
  private final NodeMetrics metrics;
  private @Nullable HttpEndpoint http;
  private @Nullable NbdServer nbd;
  private volatile boolean serves;
  private boolean closed;

  private Node(
      NodeConfig config,
      ControlSocket socket,
      EventFeed events,
      Optional<ClusterSeat> seat,
      Env env) {
    this.config = config;
    this.socket = socket;
    this.seat = seat;
    this.exports = new NbdExports();
    var disks = new Disks(config.diskTls());
    var search = new DiskSearch(config.scan().disks(), disks, env);
    var announcements = new Announcements(disks, search, events, env);
    var starter = new ArrayStarter(config.name(), disks, seat, announcements, env);
    this.arrays = new NodeArrays(exports, starter, events, env);
    this.scans =
        new Scans(
            config.name(),
            config.scan(),
            search,
            new ArrayChoice.Looker(seat.map(ClusterSeat::cluster), HostName.ours()),
            arrays,
            env);
    var slots = new SlotNames(config.name(), seat);
    this.insight = new Insight(slots, arrays, scans, announcements, env);
    this.metrics = new NodeMetrics(arrays, scans, seat);
    this.control =
        new ControlServer(
            socket,
            new NodeService(slots, arrays, announcements, scans, events, insight, env),
            env);
  }

  /** Starts a node; it serves when this returns. */
  public static Node start(NodeConfig config, Env env) throws IOException, InterruptedException {
    return start(config, env, () -> false);
  }

  /**
   * As {@link #start(NodeConfig, Env)}; assembles no more arrays once it is not wanted any longer,
   * and fails then.
   *
   * @param unwanted asked before each array, and while the node waits to get into its cluster
   */
  public static Node start(NodeConfig config, Env env, BooleanSupplier unwanted)
      throws IOException, InterruptedException {
    ControlSocket socket = ControlSocket.open(config.socket());
    EventFeed events = new EventFeed(env.wallClock());
    Optional<ClusterSeat> seat;
    try {
      seat = takeSeat(config, events, env, unwanted);
    } catch (IOException | RuntimeException | Error e) {
      try (socket) {
        throw e;
      }
    }
    Node node = new Node(config, socket, events, seat, env);
    try {
      node.serve(env, unwanted);
      return node;
    } catch (IOException | InterruptedException | RuntimeException | Error e) {
      try {
        node.close();
      } catch (IOException also) {
        e.addSuppressed(also);
      }
      throw e;
    }
  }

  private static Optional<ClusterSeat> takeSeat(
      NodeConfig config, EventFeed events, Env env, BooleanSupplier unwanted) throws IOException {
    if (config.cluster().isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        ClusterSeat.take(config.cluster().get(), env, event -> tell(event, events, env), unwanted));
  }

  private static void tell(ClusterEvent event, EventFeed events, Env env) {
    NodeEvent told = NodeEvent.of(env.wallClock().instant(), event);
    LOG.log(
        event.trouble() ? Level.WARNING : Level.INFO, "{0}: {1}", told.event(), told.sentence());
    events.tell(told);
  }

  private void serve(Env env, BooleanSupplier unwanted) throws IOException, InterruptedException {
    if (config.http().isPresent()) {
      http = HttpEndpoint.start(config.http().get(), new Told(), env);
    }
    for (NodeRequest.Assemble array : config.arrays()) {
      if (unwanted.getAsBoolean()) {
        throw new InterruptedIOException("node %s was told to stop".formatted(name()));
      }
      arrays.assemble(array);
    }
    scans.begin(unwanted);
    if (unwanted.getAsBoolean()) {
      throw new InterruptedIOException("node %s was told to stop".formatted(name()));
    }
    if (!config.nbd().isEmpty()) {
      NbdServerConfig server =
          NbdServerConfig.on(config.nbd().toArray(NbdAddress[]::new)).withTls(config.tls());
      nbd = NbdServer.start(server, exports, env);
    }
    seat.ifPresent(s -> s.keep(arrays));
    insight.start();
    control.start();
    serves = true;
  }

  /** What is told over HTTP. */
  private final class Told implements HttpEndpoint.Source {
    @Override
    public MetricSnapshots metrics() {
      return metrics.collect(notReady().isEmpty());
    }

    @Override
    public List<String> notReady() {
      return serves
          ? new Readiness(config, arrays, scans, seat).missing()
          : List.of("node %s is starting, or stopping".formatted(name()));
    }
  }

  public String name() {
    return config.name();
  }

  /** The control socket. */
  public Path socket() {
    return socket.path();
  }

  /** Where NBD clients find it, with the ports that the system chose. */
  public List<NbdAddress> nbdAddresses() {
    return nbd == null ? List.of() : nbd.addresses();
  }

  /** Where it tells how it is, with the port that the system chose. */
  public Optional<HttpAddress> httpAddress() {
    return Optional.ofNullable(http).map(HttpEndpoint::address);
  }

  /** What the process prints when it serves. */
  public String readyLine() {
    return "ready name=%s socket=%s nbd=%s%s%s"
        .formatted(
            name(),
            socket(),
            nbdAddresses().stream().map(NbdAddress::toString).collect(Collectors.joining(",")),
            httpAddress().map(address -> " http=" + address).orElse(""),
            seat.map(s -> " zookeeper=" + s.zookeeper()).orElse(""));
  }

  /**
   * Stops the node: NBD requests in flight are finished, the arrays are stopped and say so in their
   * superblocks, the node leaves its cluster, and everything is closed. That the node does not get
   * on with leaving, as ZooKeeper is away, holds this up no longer than about a minute.
   */
  @Override
  public synchronized void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    serves = false;
    insight.close();
    seat.ifPresent(ClusterSeat::prepareToLeave);
    try (socket;
        Closeable _ = seat.<Closeable>map(s -> s).orElse(() -> {})) {
      control.close();
      if (nbd != null) {
        nbd.close();
      }
      arrays.end();
    } finally {
      if (http != null) {
        http.close();
      }
    }
    LOG.log(Level.INFO, "node {0} has stopped", name());
  }
}
