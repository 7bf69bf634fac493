package io.mirrorctl.cli.nbd;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.mirrorctl.core.env.Env;
import java.io.EOFException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The connections to a server that live and end together.
 *
 * <p>They end together because the loss of one may mean that the server has gone down and come
 * back, and then no answer that another still brings says anything about what the server keeps.
 *
 * <p>Threading: safe from any thread.
 */
final class ClientSession {
  /** Time for each connection after the first. */
  private static final Duration FURTHER_TIMEOUT = Duration.ofSeconds(2);

  private final ServerExport export;
  private final List<ClientConnection> connections = new ArrayList<>();

  @GuardedBy("this")
  private int running;

  @GuardedBy("this")
  private IOException reason;

  private ClientSession(ServerExport export) {
    this.export = export;
  }

  /** Everything a session is made from. */
  record Setup(
      NbdUri uri, NbdClientConfig config, UnflushedWrites unflushed, OwedFences owed, Env env) {}

  /**
   * Connects, negotiates and starts to serve.
   *
   * @param before what the device relies on; empty if it is opened just now
   * @throws IncompatibleException if the export is not what it was
   */
  static ClientSession open(Setup setup, Optional<ServerExport> before, Deadline deadline)
      throws IOException {
    NbdClientConfig config = setup.config();
    ClientSocket socket = ClientSocket.connect(setup.uri().address(), deadline);
    List<ClientSocket> sockets = new ArrayList<>(List.of(socket));
    boolean opened = false;
    try {
      ServerExport export = negotiate(setup, socket, deadline);
      export.checkUsable(config.readOnly());
      Optional<String> whyNot = before.flatMap(b -> b.whyNot(export));
      if (whyNot.isPresent()) {
        throw new IncompatibleException(whyNot.get());
      }
      if (export.has(Nbd.FLAG_CAN_MULTI_CONN)) {
        addConnections(setup, export, deadline, sockets);
      }
      var session = new ClientSession(export);
      session.start(setup, sockets);
      opened = true;
      return session;
    } finally {
      if (!opened) {
        sockets.forEach(ClientSocket::abort);
      }
    }
  }

  private static ServerExport negotiate(Setup setup, ClientSocket socket, Deadline deadline)
      throws IOException {
    return ClientHandshake.negotiate(
        socket, setup.uri(), setup.config().tls(), setup.config().node(), setup.owed(), deadline);
  }

  /** The export has changed so that this device cannot go on with it. */
  static final class IncompatibleException extends IOException {
    private static final long serialVersionUID = 1L;

    IncompatibleException(String message) {
      super(message);
    }
  }

  private static void addConnections(
      Setup setup, ServerExport export, Deadline deadline, List<ClientSocket> sockets) {
    while (sockets.size() < setup.config().connections()) {
      // requests may be waiting for the first one, which is ready
      Deadline soon = Deadline.in(FURTHER_TIMEOUT, setup.env().ticker()).orEarlier(deadline);
      ClientSocket socket = null;
      boolean same = false;
      try {
        socket = ClientSocket.connect(setup.uri().address(), soon);
        same = negotiate(setup, socket, soon).equals(export);
      } catch (IOException e) {
        System.getLogger(NbdDevice.class.getName())
            .log(
                System.Logger.Level.INFO,
                "{0}: works with {1} connections, as the next one failed: {2}",
                setup.uri(),
                sockets.size(),
                Outage.words(e));
      }
      if (same) {
        sockets.add(socket);
      } else {
        // the server has a limit, or another one answers at this address: what there is will do
        if (socket != null) {
          socket.abort();
        }
        return;
      }
    }
  }

  private synchronized void start(Setup setup, List<ClientSocket> sockets) {
    for (ClientSocket socket : sockets) {
      var connection =
          new ClientConnection(
              socket,
              export,
              setup.unflushed(),
              setup.config().requestTimeout(),
              setup.env(),
              setup.uri().toString(),
              this::ended);
      connections.add(connection);
    }
    for (ClientConnection connection : connections) {
      running++;
      setup.env().io().execute(connection::run);
    }
  }

  private synchronized void ended(ClientConnection connection) {
    running--;
    if (reason == null) {
      reason = connection.reason();
    }
    IOException why = reason == null ? new EOFException("closed") : reason;
    if (reason != null) {
      connections.forEach(c -> c.breakOff(why));
    }
    notifyAll();
  }

  /** What the server has agreed to. */
  ServerExport export() {
    return export;
  }

  /** Takes a request over; false if the session is about to end, and nothing was done. */
  boolean submit(NbdRequest request) {
    ClientConnection chosen = connections.getFirst();
    if (connections.size() > 1) {
      int least = Integer.MAX_VALUE;
      for (ClientConnection connection : connections) {
        int load = connection.load();
        if (load < least) {
          least = load;
          chosen = connection;
        }
      }
    }
    return chosen.submit(request);
  }

  /** Ends when what was submitted has been answered, and takes nothing more. */
  void finish() {
    connections.forEach(ClientConnection::finish);
  }

  /** Ends at once. */
  void breakOff(IOException why) {
    connections.forEach(c -> c.breakOff(why));
  }

  /** Waits until all connections have ended, whatever the interrupt status. */
  synchronized void awaitEnd() {
    while (running > 0) {
      try {
        wait();
      } catch (InterruptedException e) {
        // there is another way to make this end: finish() or breakOff()
      }
    }
  }

  /** Why the session ended; null if it was finished in order. */
  synchronized IOException reason() {
    return reason;
  }

  /** Whether the server has answered a request. */
  boolean answeredAny() {
    return connections.stream().anyMatch(ClientConnection::answeredAny);
  }

  /** After the end: the requests without an answer. */
  List<NbdRequest> orphans() {
    return connections.stream().flatMap(c -> c.orphans().stream()).toList();
  }
}
