package io.mirrorctl.cli.nbd;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * One client, from the accepted socket to its end.
 *
 * <p>Threading: {@link #run} in a thread of its own; the other methods from anywhere.
 */
final class Connection implements Runnable, Watch.Watched {
  private static final System.Logger LOG = System.getLogger(Connection.class.getName());

  private final String peer;
  private final Line line;
  private final StartTls tls;
  private final Resources server;
  private final Runnable whenOver;
  private final long arrival;

  /** What arrived and was not looked at yet; null until the first thread begins. */
  private @Nullable ByteBuffer inputMemory;

  private volatile boolean late;
  private volatile boolean closed;
  private volatile @Nullable Session session;

  /**
   * @param peer for people
   * @param whenOver runs once, when the socket is closed and no thread is left
   */
  Connection(Line line, String peer, StartTls tls, Resources server, Runnable whenOver) {
    this.peer = peer;
    this.line = line;
    this.tls = tls;
    this.server = server;
    this.whenOver = whenOver;
    this.arrival = server.env().ticker().read();
  }

  /** The session this connection has come to; null during the handshake. */
  @Nullable Session session() {
    return session;
  }

  /** Ends a handshake; a session is ended by its own means. */
  void abort() {
    closed = true;
    line.abort();
  }

  /** Ends a connection that no thread serves. */
  void refuse() {
    line.abort();
    end();
  }

  @Override
  public void run() {
    server.watch().add(this);
    if (negotiate()) {
      session.serve();
    }
  }

  /** Talks about options; whether a session is to be served. */
  private boolean negotiate() {
    boolean agreed = false;
    try {
      Transport plain = Transport.plain(line);
      ByteBuffer memory = server.memory().acquire(Input.BUFFER_BYTES);
      inputMemory = memory;
      var input = new Input(plain, memory);
      agreed = new Negotiation(server, tls, this::admit, plain, input).run();
    } catch (ProtocolViolation e) {
      LOG.log(Level.WARNING, "nbd {0}: closed, {1}", peer, e.getMessage());
    } catch (IOException e) {
      if (late) {
        LOG.log(Level.WARNING, "nbd {0}: closed, the handshake took too long", peer);
      } else if (!closed) {
        LOG.log(Level.DEBUG, "nbd {0}: connection lost in the handshake: {1}", peer, e.toString());
      }
    } catch (InterruptedException e) {
      LOG.log(Level.DEBUG, "nbd {0}: interrupted in the handshake", peer);
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "nbd " + peer, e);
    }
    server.watch().remove(this);
    Session begun = session;
    if (agreed) {
      return true;
    }
    if (begun != null) {
      // admitted, and gone before it knew
      begun.cut("connection lost in the handshake", Level.DEBUG);
      return true;
    }
    refuse();
    return false;
  }

  private @Nullable String admit(Negotiated agreed, Transport transport, Input input)
      throws InterruptedException {
    Export export = agreed.export();
    var candidate =
        new Session(
            peer + " " + export.name(), transport, input, agreed, server, () -> end(export));
    long limit = server.config().handshakeLimit().toNanos();
    long left = limit - (server.env().ticker().read() - arrival);
    // what is left must do for the answer too
    String obstacle = export.admit(candidate, arrival, left / 2);
    if (obstacle == null && server.fences().isPresent()) {
      obstacle =
          server
              .fences()
              .get()
              .admit(candidate, agreed.client(), !agreed.rules().isReadOnly(), left / 2);
      if (obstacle != null) {
        export.ended(candidate);
      }
    }
    if (obstacle == null) {
      session = candidate;
    } else {
      candidate.abandon();
    }
    return obstacle;
  }

  private void end(Export export) {
    Session ended = session;
    if (ended != null) {
      export.ended(ended);
      server.fences().ifPresent(fences -> fences.ended(ended));
    }
    end();
  }

  private void end() {
    if (inputMemory != null) {
      server.memory().release(inputMemory);
    }
    whenOver.run();
  }

  @Override
  public void look(long now) {
    if (now - arrival > server.config().handshakeLimit().toNanos() && !late) {
      late = true;
      line.abort();
    }
  }
}
