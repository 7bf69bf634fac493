package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.nbd.NbdAddress;
import io.mirrorctl.cli.nbd.NbdExports;
import io.mirrorctl.cli.nbd.NbdServer;
import io.mirrorctl.cli.nbd.NbdServerConfig;
import io.mirrorctl.core.env.Env;
import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A node that has its arrays for itself: runs them, offers them over NBD, and does what commands
 * ask over the control socket.
 *
 * <p>Threading: any thread. Failure: {@link #start} leaves nothing behind when it fails.
 */
public final class Node implements Closeable {
  private static final System.Logger LOG = System.getLogger(Node.class.getName());

  private final NodeConfig config;
  private final ControlSocket socket;
  private final NodeArrays arrays;
  private final ControlServer control;
  private @Nullable NbdServer nbd;
  private boolean closed;

  private Node(NodeConfig config, ControlSocket socket, NodeArrays.DiskOpener disks, Env env) {
    this.config = config;
    this.socket = socket;
    NbdExports exports = new NbdExports();
    EventFeed events = new EventFeed(env.wallClock());
    this.exports = exports;
    this.arrays = new NodeArrays(exports, disks, events, env);
    this.control =
        new ControlServer(socket, new NodeService(config.name(), arrays, events, env), env);
  }

  private final NbdExports exports;

  /** Starts a node; it serves when this returns. */
  public static Node start(NodeConfig config, Env env) throws IOException, InterruptedException {
    return start(config, env, () -> false);
  }

  /**
   * As {@link #start(NodeConfig, Env)}; assembles no more arrays once it is not wanted any longer,
   * and fails then.
   *
   * @param unwanted asked before each array
   */
  public static Node start(NodeConfig config, Env env, BooleanSupplier unwanted)
      throws IOException, InterruptedException {
    var disks = new Disks(config.diskTls());
    Node node = new Node(config, ControlSocket.open(config.socket()), disks::open, env);
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

  private void serve(Env env, BooleanSupplier unwanted) throws IOException, InterruptedException {
    for (NodeRequest.Assemble array : config.arrays()) {
      if (unwanted.getAsBoolean()) {
        throw new InterruptedIOException("node %s was told to stop".formatted(name()));
      }
      arrays.assemble(array);
    }
    if (!config.nbd().isEmpty()) {
      NbdServerConfig server =
          NbdServerConfig.on(config.nbd().toArray(NbdAddress[]::new)).withTls(config.tls());
      nbd = NbdServer.start(server, exports, env);
    }
    control.start();
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

  /** What the process prints when it serves. */
  public String readyLine() {
    return "ready name=%s socket=%s nbd=%s"
        .formatted(
            name(),
            socket(),
            nbdAddresses().stream().map(NbdAddress::toString).collect(Collectors.joining(",")));
  }

  /**
   * Stops the node: NBD requests in flight are finished, the arrays are stopped and say so in their
   * superblocks, and everything is closed.
   */
  @Override
  public synchronized void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    try (socket) {
      control.close();
      if (nbd != null) {
        nbd.close();
      }
      arrays.end();
    }
    LOG.log(Level.INFO, "node {0} has stopped", name());
  }
}
