package io.mirrorctl.it;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.EOFException;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * One connection to an NBD server, written from the protocol alone: what these tests believe of an
 * array must not hang on the product's own client. It never reconnects and repeats nothing.
 *
 * <p>Any number of threads may have requests in flight. Their results are the protocol's error
 * numbers, 0 for success; a connection that is lost is an {@link IOException}.
 */
final class RawNbd implements AutoCloseable {
  static final int EIO = 5;

  static final int READ = 0;
  static final int WRITE = 1;
  static final int FLUSH = 3;
  static final int TRIM = 4;
  static final int WRITE_ZEROES = 6;
  static final int FUA = 1;

  private static final int CAN_MULTI_CONN = 1 << 8;
  private static final int GO = 7;
  private static final int REP_ACK = 1;
  private static final int REP_INFO = 3;
  private static final long OPTION_REPLY_MAGIC = 0x3e889045565a9L;
  private static final int REQUEST_MAGIC = 0x25609513;
  private static final int SIMPLE_REPLY_MAGIC = 0x67446698;

  private final SocketChannel socket;
  private final AtomicLong cookies = new AtomicLong();
  private final Map<Long, Request> inFlight = new ConcurrentHashMap<>();
  private final Object sending = new Object();
  private volatile IOException lost;
  private long size;
  private int flags;

  private record Request(Optional<ByteBuffer> into, CompletableFuture<Integer> answer) {}

  private RawNbd(SocketChannel socket) {
    this.socket = socket;
  }

  /** Connects to an export of a server at a Unix socket. */
  static RawNbd connect(Path path, String export) throws IOException {
    var client = new RawNbd(SocketChannel.open(UnixDomainSocketAddress.of(path)));
    try {
      client.negotiate(export);
    } catch (IOException | RuntimeException e) {
      client.socket.close();
      throw e;
    }
    Thread.ofPlatform().daemon().name("raw-nbd").start(client::readReplies);
    return client;
  }

  private void negotiate(String export) throws IOException {
    receive(18);
    byte[] name = export.getBytes(UTF_8);
    send(
        ByteBuffer.allocate(4 + 16 + 4 + name.length + 2)
            .putInt(3)
            .put("IHAVEOPT".getBytes(UTF_8))
            .putInt(GO)
            .putInt(4 + name.length + 2)
            .putInt(name.length)
            .put(name)
            .putShort((short) 0));
    while (true) {
      ByteBuffer header = receive(20);
      if (header.getLong() != OPTION_REPLY_MAGIC || header.getInt() != GO) {
        throw new AssertionError("no option reply to GO");
      }
      int type = header.getInt();
      ByteBuffer data = receive(header.getInt());
      if (type == REP_ACK) {
        return;
      }
      if (type != REP_INFO) {
        throw new IOException("the server refuses %s: %x".formatted(export, type));
      }
      if (data.getShort() == 0) {
        size = data.getLong();
        flags = Short.toUnsignedInt(data.getShort());
      }
    }
  }

  long size() {
    return size;
  }

  /** Whether a flush on one connection covers what others have written. */
  boolean multiConn() {
    return (flags & CAN_MULTI_CONN) != 0;
  }

  int read(long offset, byte[] into) throws IOException {
    return request(READ, 0, offset, into.length, new byte[0], Optional.of(ByteBuffer.wrap(into)));
  }

  int write(long offset, byte[] data, boolean durable) throws IOException {
    return request(WRITE, durable ? FUA : 0, offset, data.length, data, Optional.empty());
  }

  int writeZeroes(long offset, int length) throws IOException {
    return request(WRITE_ZEROES, 0, offset, length, new byte[0], Optional.empty());
  }

  int flush() throws IOException {
    return request(FLUSH, 0, 0, 0, new byte[0], Optional.empty());
  }

  /** Sends a request as it is, and waits for its answer. */
  int request(
      int command,
      int requestFlags,
      long offset,
      int length,
      byte[] payload,
      Optional<ByteBuffer> into)
      throws IOException {
    long cookie = cookies.incrementAndGet();
    var request = new Request(into, new CompletableFuture<>());
    inFlight.put(cookie, request);
    try {
      synchronized (sending) {
        send(
            ByteBuffer.allocate(28 + payload.length)
                .putInt(REQUEST_MAGIC)
                .putShort((short) requestFlags)
                .putShort((short) command)
                .putLong(cookie)
                .putLong(offset)
                .putInt(length)
                .put(payload));
      }
      if (lost != null) {
        throw lost;
      }
      return request.answer.join();
    } catch (CompletionException e) {
      throw new IOException("the connection is lost", e.getCause());
    } finally {
      inFlight.remove(cookie);
    }
  }

  /** Announces a write, sends half of its data and drops the connection. */
  void sendHalfAWrite(long offset, int length) throws IOException {
    send(
        ByteBuffer.allocate(28 + length / 2)
            .putInt(REQUEST_MAGIC)
            .putShort((short) 0)
            .putShort((short) WRITE)
            .putLong(cookies.incrementAndGet())
            .putLong(offset)
            .putInt(length)
            .put(new byte[length / 2]));
    close();
  }

  private void readReplies() {
    try {
      while (true) {
        ByteBuffer header = receive(16);
        int magic = header.getInt();
        int error = header.getInt();
        Request request = inFlight.remove(header.getLong());
        if (magic != SIMPLE_REPLY_MAGIC || request == null) {
          throw new IOException("a reply to nothing, magic %x".formatted(magic));
        }
        if (error == 0 && request.into.isPresent()) {
          request.into.get().put(receive(request.into.get().remaining()));
        }
        request.answer.complete(error);
      }
    } catch (IOException e) {
      lost = e;
      inFlight.values().forEach(request -> request.answer.completeExceptionally(e));
    }
  }

  private void send(ByteBuffer bytes) throws IOException {
    bytes.flip();
    while (bytes.hasRemaining()) {
      socket.write(bytes);
    }
  }

  private ByteBuffer receive(int length) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(length);
    while (bytes.hasRemaining()) {
      if (socket.read(bytes) < 0) {
        throw new EOFException("the server has closed the connection");
      }
    }
    return bytes.flip();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
