package io.mirrorctl.dlm.zookeeper;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** Stands between a client and a ZooKeeper server, and can break what passes. */
public final class TcpProxy implements AutoCloseable {
  private static final int PING = -2;
  private static final int XID = 4;
  private static final int FRAME = 1 << 16;

  private enum Fault {
    NONE,
    LOSE_NEXT_REQUEST,
    LOSE_NEXT_ANSWER
  }

  private final InetSocketAddress target;
  private final ServerSocket listener;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private final AtomicInteger connections = new AtomicInteger();
  private volatile boolean cut;
  private volatile Fault fault = Fault.NONE;

  /** A proxy at a free port before {@code host:port}. */
  public TcpProxy(String server) {
    int colon = server.lastIndexOf(':');
    target =
        new InetSocketAddress(
            server.substring(0, colon), Integer.parseInt(server.substring(colon + 1)));
    try {
      listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread.startVirtualThread(this::accept);
  }

  public String connectString() {
    return "127.0.0.1:" + listener.getLocalPort();
  }

  /** Breaks all connections and lets none through. */
  public void cut() {
    cut = true;
    closeAll();
  }

  /** Ends {@link #cut}. */
  public void restore() {
    cut = false;
  }

  /** Breaks the connection at the next request that is no ping, before the server gets it. */
  public void loseNextRequest() {
    fault = Fault.LOSE_NEXT_REQUEST;
  }

  /** Breaks the connection at the next answer that is to no ping, before the client gets it. */
  public void loseNextAnswer() {
    fault = Fault.LOSE_NEXT_ANSWER;
  }

  /** How many connections there have been. */
  public int connections() {
    return connections.get();
  }

  /** Whether a client is connected through it. */
  public boolean isUsed() {
    return !sockets.isEmpty();
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        Socket client = listener.accept();
        if (cut) {
          client.close();
        } else {
          connect(client);
        }
      } catch (IOException _) {
        // closed, or the server is away
      }
    }
  }

  private void connect(Socket client) throws IOException {
    var server = new Socket();
    sockets.add(client);
    sockets.add(server);
    connections.incrementAndGet();
    try {
      server.connect(target);
    } catch (IOException e) {
      close(client, server);
      throw e;
    }
    Thread.startVirtualThread(() -> pass(client, server, Fault.LOSE_NEXT_REQUEST));
    Thread.startVirtualThread(() -> pass(server, client, Fault.LOSE_NEXT_ANSWER));
  }

  private void pass(Socket from, Socket to, Fault lost) {
    try (InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream()) {
      byte[] frame = new byte[FRAME];
      while (true) {
        int length = in.read(frame);
        if (length < 0 || cut) {
          break;
        }
        if (fault == lost && !isPing(frame, length)) {
          fault = Fault.NONE;
          break;
        }
        out.write(frame, 0, length);
        out.flush();
      }
    } catch (IOException _) {
      // one side has gone
    } finally {
      close(from, to);
    }
  }

  private static boolean isPing(byte[] frame, int length) {
    return length >= 2 * XID && ByteBuffer.wrap(frame).getInt(XID) == PING;
  }

  private void close(Socket... pair) {
    for (Socket socket : pair) {
      sockets.remove(socket);
      try {
        socket.close();
      } catch (IOException _) {
        // gone
      }
    }
  }

  private void closeAll() {
    close(sockets.toArray(Socket[]::new));
  }

  @Override
  public void close() {
    try {
      listener.close();
    } catch (IOException _) {
      // gone
    }
    closeAll();
  }
}
