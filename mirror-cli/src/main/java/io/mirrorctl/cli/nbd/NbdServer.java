package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.env.Env;
import java.io.Closeable;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;

/**
 * Offers block devices to NBD clients, over TCP and Unix sockets.
 *
 * <p>Speaks the fixed newstyle handshake with structured replies, block sizes, base:allocation and
 * TLS, and every command of the protocol but RESIZE. Requests of one connection run in parallel and
 * are answered as they end.
 *
 * <p>Threading: safe from any thread. Every connection has at least one thread of {@link Env#io}.
 *
 * <p>Failure: what one client does or suffers has no effect on another one. A client that breaks
 * the protocol, stops in the middle of a request or does not take its replies is disconnected, with
 * one line in the log.
 */
public final class NbdServer implements Closeable {
  private static final System.Logger LOG = System.getLogger(NbdServer.class.getName());
  private static final Duration ACCEPT_PAUSE = Duration.ofSeconds(1);

  private final Resources server;
  private final StartTls tls;
  private final List<Listener> listeners;
  private final Set<Connection> connections = ConcurrentHashMap.newKeySet();
  private final Quota places;
  private volatile boolean closed;

  private NbdServer(Resources server, StartTls tls, List<Listener> listeners) {
    this.server = server;
    this.tls = tls;
    this.listeners = listeners;
    this.places = new Quota(server.config().connections());
  }

  /** Starts a server with the machine's own clock and threads. */
  public static NbdServer start(NbdServerConfig config, NbdExports exports) throws IOException {
    return start(config, exports, Optional.empty(), Env.system());
  }

  /**
   * Starts a server.
   *
   * @throws IOException if an address cannot be listened on, or the TLS files cannot be used; then
   *     nothing was started
   */
  public static NbdServer start(NbdServerConfig config, NbdExports exports, Env env)
      throws IOException {
    return start(config, exports, Optional.empty(), env);
  }

  /**
   * As {@link #start(NbdServerConfig, NbdExports, Env)}.
   *
   * @param fences says who may use the one export there is; else everybody may
   */
  public static NbdServer start(
      NbdServerConfig config, NbdExports exports, Optional<NodeFences> fences, Env env)
      throws IOException {
    StartTls tls = config.tls().load();
    List<Listener> listeners = new ArrayList<>();
    try {
      for (NbdAddress address : config.addresses()) {
        listeners.add(Listener.open(address));
      }
    } catch (IOException e) {
      for (Listener listener : listeners) {
        listener.close();
      }
      throw e;
    }
    long share = Math.max(config.inFlightBytes() / 4, config.maxRequestBytes());
    var resources =
        new Resources(
            env,
            config,
            exports,
            AlignedBuffers.shared(),
            new ByteBudget(config.inFlightBytes(), share),
            new Quota(config.threads()),
            new Watch(env),
            fences);
    var server = new NbdServer(resources, tls, List.copyOf(listeners));
    env.io().execute(resources.watch());
    for (Listener listener : listeners) {
      env.io().execute(() -> server.accept(listener));
    }
    return server;
  }

  /** Where it listens, with the ports that the system has chosen. */
  public List<NbdAddress> addresses() {
    return listeners.stream().map(Listener::address).toList();
  }

  /** Clients connected at the moment, those still in the handshake included. */
  public int connections() {
    return places.used();
  }

  /** Bytes of payload in memory at the moment. */
  public long bytesInFlight() {
    return server.budget().used();
  }

  private void accept(Listener listener) {
    while (!closed) {
      try {
        admit(listener, listener.accept());
      } catch (ClosedChannelException e) {
        return;
      } catch (IOException e) {
        LOG.log(Level.WARNING, "nbd {0}: cannot accept: {1}", listener.address(), e.toString());
        pause();
      } catch (RuntimeException | Error e) {
        LOG.log(Level.ERROR, "nbd " + listener.address(), e);
        pause();
      }
    }
  }

  private void admit(Listener listener, SocketChannel socket) throws IOException {
    String peer = listener.peer(socket);
    if (!places.tryTake()) {
      LOG.log(
          Level.WARNING,
          "nbd {0}: closed, there are {1} connections already",
          peer,
          server.config().connections());
      socket.close();
      return;
    }
    Line line;
    try {
      line = new Line(socket, server.env().ticker());
    } catch (IOException e) {
      places.give();
      throw e;
    }
    var self = new Connection[1];
    self[0] = new Connection(line, peer, tls, server, () -> ended(self[0]));
    connections.add(self[0]);
    try {
      server.env().io().execute(self[0]);
    } catch (RejectedExecutionException | OutOfMemoryError e) {
      LOG.log(Level.WARNING, "nbd {0}: closed, no thread for it: {1}", peer, e.toString());
      self[0].refuse();
    }
    if (closed) {
      self[0].abort();
    }
  }

  private void ended(Connection connection) {
    places.give();
    synchronized (connections) {
      connections.remove(connection);
      connections.notifyAll();
    }
  }

  private void pause() {
    try {
      server.env().sleep(ACCEPT_PAUSE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Stops: no more connections are accepted, requests in flight are finished as far as {@link
   * NbdServerConfig#drainLimit} allows, then every connection is closed. When it returns, the
   * devices are not used any more. The exports stay as they are.
   */
  @Override
  public void close() throws IOException {
    closed = true;
    for (Listener listener : listeners) {
      listener.close();
    }
    List<Connection> all = List.copyOf(connections);
    all.stream().filter(c -> c.session() == null).forEach(Connection::abort);
    List<Session> sessions =
        all.stream().map(Connection::session).filter(Objects::nonNull).toList();
    try {
      Export.endAll(sessions, server.config().drainLimit());
      synchronized (connections) {
        while (!connections.isEmpty()) {
          connections.wait();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      server.watch().stop();
    }
  }
}
