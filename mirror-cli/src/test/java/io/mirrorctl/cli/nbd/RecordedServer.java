package io.mirrorctl.cli.nbd;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Says the same bytes to every client whatever it asks, and nothing after them.
 *
 * <p>Serves one connection at a time.
 */
final class RecordedServer implements Closeable {
  private final Path socket;
  private final ServerSocketChannel listener;
  private final Thread thread;
  private final AtomicInteger callers = new AtomicInteger();
  private volatile byte[] recording = {};
  private volatile boolean hangsUp = true;

  RecordedServer(Path dir) throws IOException {
    socket = dir.resolve("recorded.sock");
    listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    listener.bind(UnixDomainSocketAddress.of(socket));
    thread = Thread.ofPlatform().start(this::serve);
  }

  /** What the next clients hear. */
  void says(byte[] bytes) {
    recording = bytes;
  }

  /** Keeps the connection open behind the last byte, so that clients wait. */
  void staysOnTheLine() {
    hangsUp = false;
  }

  /** Clients that have connected so far. */
  int callers() {
    return callers.get();
  }

  NbdUri uri() {
    return NbdUri.parse("nbd+unix:///disk?socket=" + socket);
  }

  private void serve() {
    ByteBuffer heard = ByteBuffer.allocate(65_536);
    while (true) {
      try (SocketChannel connection = listener.accept()) {
        callers.incrementAndGet();
        ByteBuffer out = ByteBuffer.wrap(recording);
        while (out.hasRemaining()) {
          connection.write(out);
        }
        if (hangsUp) {
          connection.shutdownOutput();
        }
        int n;
        do {
          n = connection.read(heard.clear());
        } while (n >= 0);
      } catch (IOException e) {
        if (!listener.isOpen()) {
          return;
        }
      }
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Builds a recording. */
  static final class Words {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final DataOutputStream out = new DataOutputStream(bytes);

    Words greeting(int flags) throws IOException {
      out.writeLong(Nbd.INIT_MAGIC);
      out.writeLong(Nbd.OPTION_MAGIC);
      out.writeShort(flags);
      return this;
    }

    Words reply(int option, int type, byte... data) throws IOException {
      FakeServer.reply(out, option, type, data);
      return this;
    }

    Words word(long value) throws IOException {
      out.writeLong(value);
      return this;
    }

    Words half(int value) throws IOException {
      out.writeShort(value);
      return this;
    }

    byte[] bytes() {
      return bytes.toByteArray();
    }
  }
}
