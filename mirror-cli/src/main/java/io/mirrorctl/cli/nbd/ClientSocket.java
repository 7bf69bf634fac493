package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.channels.UnsupportedAddressTypeException;
import javax.net.ssl.SSLEngine;
import tlschannel.ClientTlsChannel;
import tlschannel.NeedsReadException;
import tlschannel.NeedsWriteException;
import tlschannel.TlsChannel;

/**
 * A connection to a server, plain or TLS, that is never in blocking mode.
 *
 * <p>That is the point of it: an interrupt closes a channel only under a thread that is blocked in
 * it, so any thread may write here, also one that is interrupted at that moment.
 *
 * <p>Threading: one thread reads and waits, one at a time writes; {@link #wakeup}, {@link
 * #wantWrite} and {@link #close} are for any thread.
 */
final class ClientSocket implements Closeable {
  private final SocketChannel channel;
  private final Selector selector;
  private final SelectionKey key;
  private TlsChannel tls;

  private ClientSocket(SocketChannel channel, Selector selector, SelectionKey key) {
    this.channel = channel;
    this.selector = selector;
    this.key = key;
  }

  // ---- connecting --------------------------------------------------------------------------

  /**
   * Connects, over each address of the host in turn.
   *
   * @throws DeviceException of kind {@link IoFailure#TIMEOUT} when the deadline has passed
   */
  static ClientSocket connect(NbdAddress server, Deadline deadline) throws IOException {
    return switch (server) {
      case NbdAddress.Unix(var path) -> {
        SocketAddress address;
        try {
          address = UnixDomainSocketAddress.of(path);
        } catch (IllegalArgumentException e) {
          throw new IOException("not the path of a Unix socket: " + e.getMessage(), e);
        }
        yield connect(SocketChannel.open(StandardProtocolFamily.UNIX), address, deadline);
      }
      case NbdAddress.Tcp(String host, int port) -> {
        InetAddress[] addresses;
        try {
          addresses = InetAddress.getAllByName(host);
        } catch (UnknownHostException e) {
          throw new IOException("the host " + host + " is not known", e);
        }
        yield connectToOne(addresses, port, deadline);
      }
    };
  }

  private static ClientSocket connectToOne(InetAddress[] addresses, int port, Deadline deadline)
      throws IOException {
    IOException first = null;
    for (int i = 0; i < addresses.length; i++) {
      // an address that swallows packets must not use up the time of those behind it
      var share =
          new Deadline(
              deadline.ticker(),
              deadline.ticker().read()
                  + deadline.millisLeft() * 1_000_000L / (addresses.length - i));
      try {
        return connect(SocketChannel.open(), new InetSocketAddress(addresses[i], port), share);
      } catch (InterruptedIOException e) {
        throw e;
      } catch (IOException e) {
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }
    throw first;
  }

  /** Connects the channel, or closes it. */
  private static ClientSocket connect(
      SocketChannel channel, SocketAddress address, Deadline deadline) throws IOException {
    Selector selector = null;
    boolean ready = false;
    try {
      selector = Selector.open();
      channel.configureBlocking(false);
      boolean connected = start(channel, address);
      SelectionKey key = channel.register(selector, SelectionKey.OP_CONNECT);
      while (!connected) {
        select(selector, deadline, "connecting to " + address);
        connected = finish(channel, address);
      }
      key.interestOps(SelectionKey.OP_READ);
      if (address instanceof InetSocketAddress) {
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        channel.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
      }
      ready = true;
      return new ClientSocket(channel, selector, key);
    } finally {
      if (!ready) {
        closeBoth(channel, selector);
      }
    }
  }

  private static boolean start(SocketChannel channel, SocketAddress address) throws IOException {
    try {
      return channel.connect(address);
    } catch (UnsupportedAddressTypeException e) {
      throw new IOException("this machine has no IPv6, so it cannot connect to " + address, e);
    } catch (IOException e) {
      throw cannotConnect(address, e);
    }
  }

  private static boolean finish(SocketChannel channel, SocketAddress address) throws IOException {
    try {
      return channel.finishConnect();
    } catch (IOException e) {
      throw cannotConnect(address, e);
    }
  }

  private static IOException cannotConnect(SocketAddress address, IOException cause) {
    return new IOException(
        "cannot connect to %s: %s".formatted(address, cause.getMessage()), cause);
  }

  private static void select(Selector selector, Deadline deadline, String during)
      throws IOException {
    if (deadline.over()) {
      throw new DeviceException(IoFailure.TIMEOUT, "no answer in time while " + during);
    }
    try {
      selector.select(Math.max(1, deadline.millisLeft()));
      selector.selectedKeys().clear();
    } catch (ClosedSelectorException e) {
      throw closedMeanwhile();
    }
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("interrupted while connecting");
    }
  }

  /** Waits until there may be something to read, as part of connecting. */
  void awaitReadable(Deadline deadline, String during) throws IOException {
    select(selector, deadline, during);
  }

  /** Waits until more can be written, as part of connecting. */
  void awaitWritable(Deadline deadline, String during) throws IOException {
    wantWrite(true);
    select(selector, deadline, during);
    wantWrite(false);
  }

  /** Makes everything from here on go through TLS, after shaking hands. */
  void startTls(SSLEngine engine, Deadline deadline) throws IOException {
    tls = ClientTlsChannel.newBuilder(channel, engine).build();
    while (true) {
      try {
        tls.handshake();
        return;
      } catch (NeedsReadException e) {
        awaitReadable(deadline, "starting TLS");
      } catch (NeedsWriteException e) {
        awaitWritable(deadline, "starting TLS");
      }
    }
  }

  // ---- moving bytes ------------------------------------------------------------------------

  /** Reads what is there: the number of bytes, 0 if nothing is there now, -1 at the end. */
  int read(ByteBuffer into) throws IOException {
    if (tls == null) {
      return channel.read(into);
    }
    try {
      return tls.read(into);
    } catch (NeedsReadException e) {
      return 0;
    } catch (NeedsWriteException e) {
      wantWrite(true);
      return 0;
    }
  }

  /** Whether bytes may be at hand that {@link #await} does not know of. */
  boolean holdsBytesBack() {
    return tls != null;
  }

  /**
   * Writes as much as the socket takes.
   *
   * @return whether everything is on its way; else call again once it is writable
   */
  boolean write(ByteBuffer[] from) throws IOException {
    if (tls != null) {
      try {
        tls.write(from);
      } catch (NeedsReadException | NeedsWriteException e) {
        return false;
      }
      if (anyRemaining(from)) {
        throw new ClosedChannelException();
      }
      return true;
    }
    while (anyRemaining(from)) {
      if (channel.write(from) == 0) {
        return false;
      }
    }
    return true;
  }

  private static boolean anyRemaining(ByteBuffer[] buffers) {
    for (ByteBuffer buffer : buffers) {
      if (buffer.hasRemaining()) {
        return true;
      }
    }
    return false;
  }

  /**
   * Waits until the socket is ready, somebody calls {@link #wakeup}, or the time is over.
   *
   * @param millis zero: without limit
   * @return what it is ready for, of {@link SelectionKey}'s operations
   */
  int await(long millis) throws IOException {
    try {
      return ready(selector.select(millis));
    } catch (ClosedSelectorException | CancelledKeyException e) {
      throw closedMeanwhile();
    }
  }

  /** As {@link #await}, without waiting. */
  int poll() throws IOException {
    try {
      return ready(selector.selectNow());
    } catch (ClosedSelectorException | CancelledKeyException e) {
      throw closedMeanwhile();
    }
  }

  private int ready(int selected) {
    if (selected == 0) {
      return 0;
    }
    selector.selectedKeys().clear();
    return key.readyOps();
  }

  private static IOException closedMeanwhile() {
    return new ClosedChannelException();
  }

  /** Whether {@link #await} is to return when more can be written. */
  void wantWrite(boolean wanted) throws IOException {
    try {
      if (wanted) {
        key.interestOpsOr(SelectionKey.OP_WRITE);
        selector.wakeup();
      } else {
        key.interestOpsAnd(~SelectionKey.OP_WRITE);
      }
    } catch (CancelledKeyException e) {
      throw closedMeanwhile();
    }
  }

  void wakeup() {
    selector.wakeup();
  }

  // ---- closing -----------------------------------------------------------------------------

  /**
   * Closes at once and throws away what has not left yet, so that as little as possible of it still
   * reaches the server.
   */
  void abort() {
    try {
      if (!(channel.getRemoteAddress() instanceof UnixDomainSocketAddress)) {
        channel.setOption(StandardSocketOptions.SO_LINGER, 0);
      }
    } catch (IOException e) {
      // closed already
    }
    closeBoth(channel, selector);
  }

  /** Closes in order: with TLS it is ended first. */
  @Override
  public void close() {
    if (tls != null) {
      closeQuietly(tls);
    }
    closeBoth(channel, selector);
  }

  private static void closeBoth(Closeable channel, Closeable selector) {
    // the selector last: it is what lets go of a registered channel
    closeQuietly(channel);
    closeQuietly(selector);
  }

  private static void closeQuietly(Closeable closeable) {
    if (closeable != null) {
      try {
        closeable.close();
      } catch (IOException e) {
        // nothing is expected of it any more
      }
    }
  }
}
