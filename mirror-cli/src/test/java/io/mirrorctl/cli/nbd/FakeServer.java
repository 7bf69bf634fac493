package io.mirrorctl.cli.nbd;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.WriteOption;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;

/**
 * A small NBD server over any device, for tests: keeps to the protocol, but says and does what it
 * is told to, also things no server should.
 *
 * <p>Requests run at once and are answered as they end. Threading: the settings may be changed at
 * any time and hold from the next connection or request on.
 */
final class FakeServer implements Closeable {
  /** All that this server knows. */
  static final int ALL_FLAGS =
      Nbd.FLAG_HAS_FLAGS
          | Nbd.FLAG_SEND_FLUSH
          | Nbd.FLAG_SEND_FUA
          | Nbd.FLAG_SEND_TRIM
          | Nbd.FLAG_SEND_WRITE_ZEROES
          | Nbd.FLAG_SEND_FAST_ZERO;

  /** A request as it came. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Request(int flags, int command, long cookie, long offset, int length, byte[] data) {
    boolean hasFlag(int flag) {
      return (flags & flag) != 0;
    }
  }

  /** Takes requests before the server sees them. */
  interface Script {
    /**
     * Called by the thread of each request; may wait.
     *
     * @return whether it has been dealt with
     */
    boolean handle(Request request, Answers out) throws Exception;
  }

  private static final int CONTEXT_ID = 77;

  private final Path socket;
  private final Set<SocketChannel> connections = ConcurrentHashMap.newKeySet();
  private final AtomicInteger accepted = new AtomicInteger();
  private final AtomicInteger goodbyes = new AtomicInteger();
  private final List<Request> requests = new CopyOnWriteArrayList<>();
  private ServerSocketChannel listener;
  private ExecutorService threads;

  volatile BlockDevice disk;
  volatile long size;
  volatile int flags = ALL_FLAGS;
  volatile int handshakeFlags = Nbd.FLAG_FIXED_NEWSTYLE | Nbd.FLAG_NO_ZEROES;
  volatile boolean knowsGo = true;
  volatile boolean structured = true;
  volatile boolean contexts = true;

  /** Asks who its clients are, and refuses whom they name; says so, at least. */
  volatile boolean knowsNodes;

  volatile Optional<BlockSizes> sizes = Optional.empty();
  volatile Script script = (_, _) -> false;

  /** Further connections are hung up on. */
  volatile int mostConnections = Integer.MAX_VALUE;

  FakeServer(Path dir, BlockDevice disk) throws IOException {
    this.socket = dir.resolve("fake.sock");
    this.disk = disk;
    this.size = disk.sizeBytes();
    start();
  }

  NbdUri uri() {
    return NbdUri.parse("nbd+unix:///fake?socket=" + socket);
  }

  /** Connections that were accepted so far. */
  int accepted() {
    return accepted.get();
  }

  /** Clients that have said goodbye before they left. */
  int goodbyes() {
    return goodbyes.get();
  }

  /** The requests that have come so far, goodbyes excepted. */
  List<Request> requests() {
    return requests;
  }

  /** Listens, again after {@link #crash}. */
  void start() throws IOException {
    Files.deleteIfExists(socket);
    ServerSocketChannel listening = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    listening.bind(UnixDomainSocketAddress.of(socket), 16);
    listener = listening;
    ExecutorService pool = Executors.newCachedThreadPool();
    threads = pool;
    pool.execute(() -> accept(listening, pool));
  }

  /** Drops all connections and listens no more; requests under way may end or not. */
  void crash() throws IOException {
    listener.close();
    dropConnections();
    threads.shutdownNow();
  }

  /** As {@link #crash} with a power cut, and comes back. The device must be a {@link SimDisk}. */
  void crashAndComeBack(RandomGenerator random) throws IOException {
    powerCut(random);
    start();
  }

  /** As {@link #crash} with a power cut. The device must be a {@link SimDisk}. */
  void powerCut(RandomGenerator random) throws IOException {
    SimDisk before = (SimDisk) disk;
    before.powerCut(random);
    crash();
    disk = before.reopen();
  }

  /** Drops one of the connections that are there now. */
  void dropOneConnection() throws IOException {
    connections.iterator().next().close();
  }

  /**
   * Serves a connection that somebody else has accepted: agrees to everything, then answers each
   * write when only its header has come.
   */
  void greetAndAnswerEagerly(SocketChannel connection) throws IOException {
    var in = new DataInputStream(Channels.newInputStream(connection));
    var out = new DataOutputStream(Channels.newOutputStream(connection));
    boolean chunks = negotiate(in, out);
    in.readInt();
    int requestFlags = in.readUnsignedShort();
    int command = in.readUnsignedShort();
    var request =
        new Request(requestFlags, command, in.readLong(), in.readLong(), in.readInt(), new byte[0]);
    new Answers(out, chunks).done(request);
    // the rest stays unread until the client hangs up
    in.readNBytes(1);
    try {
      Thread.sleep(2000);
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  /** Drops all connections that are there now. */
  void dropConnections() throws IOException {
    for (SocketChannel connection : List.copyOf(connections)) {
      connection.close();
    }
  }

  @Override
  public void close() throws IOException {
    crash();
  }

  private void accept(ServerSocketChannel listening, ExecutorService pool) {
    try {
      while (true) {
        SocketChannel connection = listening.accept();
        if (connections.size() >= mostConnections) {
          connection.close();
          continue;
        }
        connections.add(connection);
        accepted.incrementAndGet();
        pool.execute(() -> serve(connection, pool));
      }
    } catch (IOException | RejectedExecutionException e) {
      // crashed
    }
  }

  private void serve(SocketChannel connection, ExecutorService pool) {
    try (connection) {
      var in = new DataInputStream(new BufferedInputStream(Channels.newInputStream(connection)));
      var out = new DataOutputStream(Channels.newOutputStream(connection));
      boolean chunks = negotiate(in, out);
      transmit(in, new Answers(out, chunks), pool);
    } catch (IOException | RejectedExecutionException e) {
      // the client or the test has dropped it
    } finally {
      connections.remove(connection);
    }
  }

  // ---- negotiation

  /** Returns whether replies come in chunks. */
  private boolean negotiate(DataInputStream in, DataOutputStream out) throws IOException {
    out.writeLong(Nbd.INIT_MAGIC);
    out.writeLong(Nbd.OPTION_MAGIC);
    out.writeShort(handshakeFlags);
    in.readInt();
    boolean chunks = false;
    while (true) {
      if (in.readLong() != Nbd.OPTION_MAGIC) {
        throw new IOException("not an option");
      }
      int option = in.readInt();
      in.skipNBytes(in.readInt());
      switch (option) {
        case Nbd.OPT_STRUCTURED_REPLY -> {
          chunks = structured;
          reply(out, option, structured ? Nbd.REP_ACK : Nbd.REP_ERR_UNSUP, new byte[0]);
        }
        case Nbd.OPT_IDENTIFY, Nbd.OPT_FENCE -> {
          if (knowsNodes && option == Nbd.OPT_IDENTIFY) {
            reply(out, option, Nbd.REP_STORAGE, new byte[2 * Long.BYTES]);
          }
          reply(out, option, knowsNodes ? Nbd.REP_ACK : Nbd.REP_ERR_UNSUP, new byte[0]);
        }
        case Nbd.OPT_SET_META_CONTEXT -> {
          if (contexts) {
            byte[] name = Nbd.CONTEXT_BASE_ALLOCATION.getBytes(UTF_8);
            reply(
                out,
                option,
                Nbd.REP_META_CONTEXT,
                ByteBuffer.allocate(4 + name.length).putInt(CONTEXT_ID).put(name).array());
          }
          reply(out, option, Nbd.REP_ACK, new byte[0]);
        }
        case Nbd.OPT_GO -> {
          if (knowsGo) {
            go(out);
            return chunks;
          }
          reply(out, option, Nbd.REP_ERR_UNSUP, new byte[0]);
        }
        case Nbd.OPT_EXPORT_NAME -> {
          out.writeLong(size);
          out.writeShort(flags);
          if ((handshakeFlags & Nbd.FLAG_NO_ZEROES) == 0) {
            out.write(new byte[Nbd.EXPORT_NAME_PADDING]);
          }
          return chunks;
        }
        default -> reply(out, option, Nbd.REP_ERR_UNSUP, new byte[0]);
      }
    }
  }

  private void go(DataOutputStream out) throws IOException {
    ByteBuffer info = ByteBuffer.allocate(12).putShort((short) Nbd.INFO_EXPORT);
    reply(out, Nbd.OPT_GO, Nbd.REP_INFO, info.putLong(size).putShort((short) flags).array());
    if (sizes.isPresent()) {
      ByteBuffer block = ByteBuffer.allocate(14).putShort((short) Nbd.INFO_BLOCK_SIZE);
      block.putInt(sizes.get().minimum()).putInt(sizes.get().preferred());
      reply(out, Nbd.OPT_GO, Nbd.REP_INFO, block.putInt(sizes.get().maximum()).array());
    }
    reply(out, Nbd.OPT_GO, Nbd.REP_ACK, new byte[0]);
  }

  static void reply(DataOutputStream out, int option, int type, byte[] data) throws IOException {
    var whole = new ByteArrayOutputStream();
    var one = new DataOutputStream(whole);
    one.writeLong(Nbd.OPTION_REPLY_MAGIC);
    one.writeInt(option);
    one.writeInt(type);
    one.writeInt(data.length);
    one.write(data);
    out.write(whole.toByteArray());
  }

  // ---- transmission

  private void transmit(DataInputStream in, Answers out, ExecutorService pool) throws IOException {
    while (true) {
      if (in.readInt() != Nbd.REQUEST_MAGIC) {
        throw new IOException("not a request");
      }
      int requestFlags = in.readUnsignedShort();
      int command = in.readUnsignedShort();
      long cookie = in.readLong();
      long offset = in.readLong();
      int length = in.readInt();
      byte[] data = command == Nbd.CMD_WRITE ? in.readNBytes(length) : new byte[0];
      if (command == Nbd.CMD_DISC) {
        goodbyes.incrementAndGet();
        return;
      }
      var request = new Request(requestFlags, command, cookie, offset, length, data);
      requests.add(request);
      pool.execute(() -> run(request, out));
    }
  }

  private void run(Request request, Answers out) {
    try {
      if (!script.handle(request, out)) {
        carryOut(request, out);
      }
    } catch (InterruptedException | IOException e) {
      // crashed meanwhile
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  /** Does what is asked, with the error of the disk if it has one. */
  void carryOut(Request request, Answers out) throws IOException {
    BlockDevice now = disk;
    Set<WriteOption> options = EnumSet.noneOf(WriteOption.class);
    if (request.hasFlag(Nbd.CMD_FLAG_FUA)) {
      options.add(WriteOption.DURABLE);
    }
    if (request.hasFlag(Nbd.CMD_FLAG_NO_HOLE)) {
      options.add(WriteOption.KEEP_ALLOCATED);
    }
    if (request.hasFlag(Nbd.CMD_FLAG_FAST_ZERO)) {
      options.add(WriteOption.FAST_ONLY);
    }
    try {
      switch (request.command()) {
        case Nbd.CMD_READ -> {
          ByteBuffer data = ByteBuffer.allocate(request.length());
          now.read(request.offset(), data);
          out.data(request, data.array());
        }
        case Nbd.CMD_BLOCK_STATUS -> out.extents(request, now);
        case Nbd.CMD_WRITE -> {
          now.write(request.offset(), ByteBuffer.wrap(request.data()), options);
          out.done(request);
        }
        case Nbd.CMD_TRIM -> {
          now.discard(request.offset(), request.length(), options);
          out.done(request);
        }
        case Nbd.CMD_WRITE_ZEROES -> {
          now.writeZeroes(request.offset(), request.length(), options);
          out.done(request);
        }
        case Nbd.CMD_FLUSH -> {
          now.flush();
          out.done(request);
        }
        default -> out.error(request, Nbd.EINVAL, "what?");
      }
    } catch (DeviceException e) {
      switch (e.failure()) {
        case MEDIUM -> out.error(request, Nbd.EIO, e.getMessage());
        case NO_SPACE -> out.error(request, Nbd.ENOSPC, e.getMessage());
        case INVALID -> out.error(request, Nbd.EINVAL, e.getMessage());
        case NOT_SUPPORTED -> out.error(request, Nbd.ENOTSUP, e.getMessage());
        default -> throw e;
      }
    }
  }

  /** The way back to the client of one connection. */
  static final class Answers {
    private final DataOutputStream out;
    private final boolean chunks;

    private Answers(DataOutputStream out, boolean chunks) {
      this.out = out;
      this.chunks = chunks;
    }

    /** What would be sent for the request. */
    byte[] honestly(FakeServer server, Request request) throws IOException {
      var bytes = new ByteArrayOutputStream();
      server.carryOut(request, new Answers(new DataOutputStream(bytes), chunks));
      return bytes.toByteArray();
    }

    /** Whatever bytes the test likes. */
    synchronized void raw(byte[] bytes) throws IOException {
      out.write(bytes);
    }

    /** The first of some bytes. */
    void raw(byte[] bytes, int length) throws IOException {
      raw(Arrays.copyOf(bytes, length));
    }

    void simple(Request request, int error) throws IOException {
      raw(
          ByteBuffer.allocate(Nbd.SIMPLE_REPLY_BYTES)
              .putInt(Nbd.SIMPLE_REPLY_MAGIC)
              .putInt(error)
              .putLong(request.cookie())
              .array());
    }

    void chunk(Request request, boolean last, int type, byte[] payload) throws IOException {
      raw(
          ByteBuffer.allocate(Nbd.STRUCTURED_REPLY_BYTES + payload.length)
              .putInt(Nbd.STRUCTURED_REPLY_MAGIC)
              .putShort((short) (last ? Nbd.REPLY_FLAG_DONE : 0))
              .putShort((short) type)
              .putLong(request.cookie())
              .putInt(payload.length)
              .put(payload)
              .array());
    }

    void done(Request request) throws IOException {
      if (chunks) {
        chunk(request, true, Nbd.REPLY_TYPE_NONE, new byte[0]);
      } else {
        simple(request, 0);
      }
    }

    void error(Request request, int error, String text) throws IOException {
      if (chunks) {
        byte[] bytes = text.getBytes(UTF_8);
        ByteBuffer payload = ByteBuffer.allocate(6 + bytes.length);
        payload.putInt(error).putShort((short) bytes.length).put(bytes);
        chunk(request, true, Nbd.REPLY_TYPE_ERROR, payload.array());
      } else {
        simple(request, error);
      }
    }

    /** The data of a read: with chunks in two halves, the second one first. */
    void data(Request request, byte[] data) throws IOException {
      if (!chunks) {
        ByteBuffer whole = ByteBuffer.allocate(Nbd.SIMPLE_REPLY_BYTES + data.length);
        whole.putInt(Nbd.SIMPLE_REPLY_MAGIC).putInt(0).putLong(request.cookie()).put(data);
        raw(whole.array());
        return;
      }
      int half = data.length / 2;
      dataChunk(request, half, data, data.length - half, false);
      dataChunk(request, 0, data, half, true);
    }

    private void dataChunk(Request request, int from, byte[] data, int length, boolean last)
        throws IOException {
      ByteBuffer payload = ByteBuffer.allocate(8 + length);
      payload.putLong(request.offset() + from).put(data, from, length);
      chunk(request, last, Nbd.REPLY_TYPE_OFFSET_DATA, payload.array());
    }

    void extents(Request request, BlockDevice device) throws IOException {
      var extents = device.extents(request.offset(), request.length());
      ByteBuffer payload = ByteBuffer.allocate(4 + 8 * extents.size()).putInt(CONTEXT_ID);
      for (BlockDevice.Extent extent : extents) {
        payload.putInt((int) extent.length());
        payload.putInt((extent.hole() ? Nbd.STATE_HOLE : 0) | (extent.zero() ? Nbd.STATE_ZERO : 0));
      }
      chunk(request, true, Nbd.REPLY_TYPE_BLOCK_STATUS, payload.array());
    }
  }
}
