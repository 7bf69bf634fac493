package io.mirrorctl.cli.nbd;

import com.google.common.net.HostAndPort;
import java.io.Closeable;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.net.BindException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import jdk.net.ExtendedSocketOptions;
import org.jspecify.annotations.Nullable;

/** A socket that accepts connections, and its name in the file system if it is a Unix socket. */
final class Listener implements Closeable {
  private static final System.Logger LOG = System.getLogger(Listener.class.getName());

  /** Seconds: a silent peer is asked after a minute and given up half a minute later. */
  private static final int KEEPALIVE_IDLE = 60;

  private static final int KEEPALIVE_INTERVAL = 10;
  private static final int KEEPALIVE_COUNT = 3;

  private static final int BACKLOG = 64;
  private static final int SOCKET_BUFFER = 1 << 20;

  private final ServerSocketChannel socket;
  private final NbdAddress address;

  /** Identity of the socket's file, so that no other one is ever removed. */
  private final @Nullable Object fileKey;

  private Listener(ServerSocketChannel socket, NbdAddress address, @Nullable Object fileKey) {
    this.socket = socket;
    this.address = address;
    this.fileKey = fileKey;
  }

  /**
   * Listens.
   *
   * @throws IOException with a message that names the address, if that cannot be
   */
  static Listener open(NbdAddress address) throws IOException {
    try {
      return switch (address) {
        case NbdAddress.Tcp tcp -> openTcp(tcp);
        case NbdAddress.Unix unix -> openUnix(unix);
      };
    } catch (IOException | IllegalArgumentException e) {
      throw new IOException(
          "cannot listen on %s: %s; give another address".formatted(address, e.getMessage()), e);
    }
  }

  private static Listener openTcp(NbdAddress.Tcp tcp) throws IOException {
    InetSocketAddress wanted =
        tcp.host().isEmpty()
            ? new InetSocketAddress(tcp.port())
            : new InetSocketAddress(InetAddress.getByName(tcp.host()), tcp.port());
    ServerSocketChannel socket = ServerSocketChannel.open();
    try {
      socket.setOption(StandardSocketOptions.SO_REUSEADDR, true);
      socket.bind(wanted, BACKLOG);
      int port = ((InetSocketAddress) socket.getLocalAddress()).getPort();
      return new Listener(socket, new NbdAddress.Tcp(tcp.host(), port), null);
    } catch (IOException | RuntimeException e) {
      socket.close();
      throw e;
    }
  }

  private static Listener openUnix(NbdAddress.Unix unix) throws IOException {
    Path path = unix.path();
    ServerSocketChannel socket = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      try {
        socket.bind(UnixDomainSocketAddress.of(path), BACKLOG);
      } catch (BindException e) {
        if (!removeStale(path)) {
          throw e;
        }
        socket.bind(UnixDomainSocketAddress.of(path), BACKLOG);
      }
      return new Listener(socket, unix, fileKey(path));
    } catch (IOException | RuntimeException e) {
      socket.close();
      throw e;
    }
  }

  /** Removes a socket on which nobody listens; false if that is not what is in the way. */
  private static boolean removeStale(Path path) throws IOException {
    BasicFileAttributes file;
    try {
      file = Files.readAttributes(path, BasicFileAttributes.class);
    } catch (NoSuchFileException e) {
      return false;
    }
    if (!file.isOther()) {
      throw new IOException("there is something there that is not a socket");
    }
    try {
      SocketChannel.open(UnixDomainSocketAddress.of(path)).close();
    } catch (ConnectException e) {
      Files.deleteIfExists(path);
      return true;
    }
    throw new IOException("another process listens there");
  }

  private static @Nullable Object fileKey(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
  }

  /** Where it really listens: the port is never 0. */
  NbdAddress address() {
    return address;
  }

  /** Waits for the next connection. */
  SocketChannel accept() throws IOException {
    SocketChannel accepted = socket.accept();
    try {
      if (address instanceof NbdAddress.Tcp) {
        accepted.setOption(StandardSocketOptions.TCP_NODELAY, true);
        accepted.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
        accepted.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, KEEPALIVE_IDLE);
        accepted.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, KEEPALIVE_INTERVAL);
        accepted.setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, KEEPALIVE_COUNT);
      } else {
        accepted.setOption(StandardSocketOptions.SO_SNDBUF, SOCKET_BUFFER);
      }
    } catch (IOException | UnsupportedOperationException e) {
      LOG.log(Level.DEBUG, "socket options: {0}", e.toString());
    }
    return accepted;
  }

  /** Who is at the other end, for people. */
  String peer(SocketChannel accepted) {
    try {
      if (accepted.getRemoteAddress() instanceof InetSocketAddress inet) {
        return HostAndPort.fromParts(inet.getAddress().getHostAddress(), inet.getPort()).toString();
      }
      return "user "
          + accepted.getOption(ExtendedSocketOptions.SO_PEERCRED).user().getName()
          + " at "
          + address;
    } catch (IOException | UnsupportedOperationException e) {
      return "somebody at " + address;
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
    if (address instanceof NbdAddress.Unix unix && fileKey != null) {
      try {
        if (Objects.equals(fileKey, fileKey(unix.path()))) {
          Files.deleteIfExists(unix.path());
        }
      } catch (NoSuchFileException e) {
        // somebody was quicker
      }
    }
  }
}
