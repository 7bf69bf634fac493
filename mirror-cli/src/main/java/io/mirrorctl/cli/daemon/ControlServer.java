package io.mirrorctl.cli.daemon;

import io.mirrorctl.core.env.Env;
import java.io.Closeable;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Answers the requests that come over the control socket, each connection by a thread of its own.
 * What one client sends or leaves undone has no effect on another.
 */
final class ControlServer implements Closeable {
  private static final System.Logger LOG = System.getLogger(ControlServer.class.getName());
  private static final int MOST_CLIENTS = 128;
  private static final Duration ACCEPT_PAUSE = Duration.ofMillis(100);

  private final ControlSocket socket;
  private final NodeService service;
  private final Env env;
  private final Set<ControlConnection> connections = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  ControlServer(ControlSocket socket, NodeService service, Env env) {
    this.socket = socket;
    this.service = service;
    this.env = env;
  }

  void start() {
    env.io().execute(this::acceptAll);
  }

  private void acceptAll() {
    while (!closed) {
      try {
        admit(socket.accept());
      } catch (IOException | RuntimeException e) {
        if (!closed) {
          LOG.log(Level.WARNING, "control socket: {0}", e.toString());
          pause();
        }
      }
    }
  }

  private void pause() {
    try {
      env.sleep(ACCEPT_PAUSE);
    } catch (InterruptedException e) {
      closed = true;
      Thread.currentThread().interrupt();
    }
  }

  private void admit(SocketChannel client) throws IOException {
    if (!socket.isForUs(client)) {
      LOG.log(Level.WARNING, "control socket: refused a client of another user");
      client.close();
      return;
    }
    if (connections.size() >= MOST_CLIENTS) {
      LOG.log(Level.WARNING, "control socket: refused a client, {0} are there", MOST_CLIENTS);
      client.close();
      return;
    }
    ControlConnection connection = new ControlConnection(client, service, env);
    connections.add(connection);
    env.io()
        .execute(() -> {
          try {
            connection.run();
          } finally {
            connections.remove(connection);
          }
        });
    if (closed) {
      connection.close();
    }
  }

  /** Takes no more requests, and breaks those off that only wait or watch. */
  @Override
  public void close() throws IOException {
    closed = true;
    socket.stopListening();
    connections.forEach(ControlConnection::close);
  }
}
