package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.io.ByteArrayDataOutput;
import com.google.common.io.ByteSource;
import com.google.common.io.ByteStreams;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.net.ssl.SSLContext;
import tlschannel.ClientTlsChannel;

/** A client that sends exactly what a test wants, sense or nonsense, and shows what comes back. */
final class RawClient implements Closeable {
  static final int BOTH_FLAGS = Nbd.FLAG_C_FIXED_NEWSTYLE | Nbd.FLAG_C_NO_ZEROES;

  private final SocketChannel socket;
  private ByteChannel stream;

  private RawClient(SocketChannel socket) {
    this.socket = socket;
    this.stream = socket;
  }

  /** Connects, and reads nothing yet. */
  static RawClient connect(NbdAddress address) throws IOException {
    return new RawClient(
        switch (address) {
          case NbdAddress.Unix unix -> SocketChannel.open(UnixDomainSocketAddress.of(unix.path()));
          case NbdAddress.Tcp tcp ->
              SocketChannel.open(new InetSocketAddress(tcp.host(), tcp.port()));
        });
  }

  /** Connects and exchanges flags. */
  static RawClient greeted(NbdAddress address) throws IOException {
    RawClient client = connect(address);
    client.greeting();
    client.send(out -> out.writeInt(BOTH_FLAGS));
    return client;
  }

  /** Connects and goes to transmission. */
  static RawClient onExport(NbdAddress address, String export, boolean structured)
      throws IOException {
    RawClient client = greeted(address);
    if (structured) {
      assertThat(client.option(Nbd.OPT_STRUCTURED_REPLY)).isEqualTo(Nbd.REP_ACK);
      client.meta(Nbd.OPT_SET_META_CONTEXT, export, Nbd.CONTEXT_BASE_ALLOCATION);
    }
    assertThat(client.go(export).getLast().type()).isEqualTo(Nbd.REP_ACK);
    return client;
  }

  interface Content {
    void write(ByteArrayDataOutput out);
  }

  static byte[] bytes(Content content) {
    ByteArrayDataOutput out = ByteStreams.newDataOutput();
    content.write(out);
    return out.toByteArray();
  }

  void send(Content content) throws IOException {
    send(bytes(content));
  }

  void send(byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      stream.write(buffer);
    }
  }

  /** Closes this side of the stream. */
  void sendNoMore() throws IOException {
    socket.shutdownOutput();
  }

  ByteBuffer receive(int bytes) throws IOException {
    return ByteBuffer.wrap(receiveBytes(bytes));
  }

  byte[] receiveBytes(int bytes) throws IOException {
    byte[] received = new byte[bytes];
    ByteBuffer buffer = ByteBuffer.wrap(received);
    while (buffer.hasRemaining()) {
      if (stream.read(buffer) < 0) {
        throw new EOFException("closed after %d of %d bytes".formatted(buffer.position(), bytes));
      }
    }
    return received;
  }

  /** Reads to the end of the stream, which a reset counts as too. */
  byte[] receiveAll() throws IOException {
    var out = ByteStreams.newDataOutput();
    ByteBuffer buffer = ByteBuffer.allocate(8192);
    try {
      while (stream.read(buffer.clear()) >= 0) {
        out.write(buffer.array(), 0, buffer.position());
      }
    } catch (IOException e) {
      assertThat(e.getMessage()).containsAnyOf("reset", "Broken pipe");
    }
    return out.toByteArray();
  }

  void assertClosed() throws IOException {
    assertThat(receiveAll()).isEmpty();
  }

  /** Goes on through TLS, after the server has agreed to that. */
  void shakeHands(SSLContext context) throws IOException {
    var channel = ClientTlsChannel.newBuilder(socket, context).build();
    channel.handshake();
    stream = channel;
  }

  // ---- handshake

  void greeting() throws IOException {
    ByteBuffer greeting = receive(18);
    assertThat(greeting.getLong()).isEqualTo(Nbd.INIT_MAGIC);
    assertThat(greeting.getLong()).isEqualTo(Nbd.OPTION_MAGIC);
    assertThat(greeting.getShort()).isEqualTo((short) 3);
  }

  record OptionReply(int option, int type, ByteSource data) {
    ByteBuffer buffer() {
      return bufferOf(data);
    }

    String text() {
      return StandardCharsets.UTF_8.decode(buffer()).toString();
    }
  }

  private static ByteBuffer bufferOf(ByteSource data) {
    try {
      return ByteBuffer.wrap(data.read());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  OptionReply optionReply() throws IOException {
    ByteBuffer header = receive(Nbd.OPTION_REPLY_HEADER_BYTES);
    assertThat(header.getLong()).isEqualTo(Nbd.OPTION_REPLY_MAGIC);
    int option = header.getInt();
    int type = header.getInt();
    return new OptionReply(option, type, ByteSource.wrap(receiveBytes(header.getInt())));
  }

  /** All replies to an option, the final one last. */
  List<OptionReply> optionReplies(int option) throws IOException {
    List<OptionReply> replies = new ArrayList<>();
    do {
      OptionReply reply = optionReply();
      assertThat(reply.option()).isEqualTo(option);
      replies.add(reply);
    } while (replies.getLast().type() > Nbd.REP_ACK);
    return replies;
  }

  void sendOption(int option, byte[] data) throws IOException {
    send(out -> {
      out.writeLong(Nbd.OPTION_MAGIC);
      out.writeInt(option);
      out.writeInt(data.length);
      out.write(data);
    });
  }

  List<OptionReply> option(int option, byte[] data) throws IOException {
    sendOption(option, data);
    return optionReplies(option);
  }

  /** The type of the only reply to an option without data. */
  int option(int option) throws IOException {
    List<OptionReply> replies = option(option, new byte[0]);
    assertThat(replies).hasSize(1);
    return replies.getFirst().type();
  }

  static byte[] goData(String export, int... wanted) {
    return bytes(out -> {
      string(out, export);
      out.writeShort(wanted.length);
      Arrays.stream(wanted).forEach(out::writeShort);
    });
  }

  /** Asks to go, and for the block sizes. */
  List<OptionReply> go(String export) throws IOException {
    return option(Nbd.OPT_GO, goData(export, Nbd.INFO_BLOCK_SIZE));
  }

  /** The names of the contexts in the replies, with their ids: "1 base:allocation". */
  List<String> meta(int option, String export, String... queries) throws IOException {
    List<OptionReply> replies =
        option(
            option,
            bytes(out -> {
              string(out, export);
              out.writeInt(queries.length);
              Arrays.stream(queries).forEach(query -> string(out, query));
            }));
    assertThat(replies.getLast().type()).isEqualTo(Nbd.REP_ACK);
    return replies.stream()
        .limit(replies.size() - 1)
        .map(reply -> reply.buffer().getInt() + " " + reply.text().substring(4))
        .toList();
  }

  static void string(ByteArrayDataOutput out, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.writeInt(bytes.length);
    out.write(bytes);
  }

  // ---- transmission

  static byte[] request(int flags, int type, long cookie, long offset, long length) {
    return bytes(out -> {
      out.writeInt(Nbd.REQUEST_MAGIC);
      out.writeShort(flags);
      out.writeShort(type);
      out.writeLong(cookie);
      out.writeLong(offset);
      out.writeInt((int) length);
    });
  }

  void sendRequest(int flags, int type, long cookie, long offset, long length) throws IOException {
    send(request(flags, type, cookie, offset, length));
  }

  void sendWrite(int flags, long cookie, long offset, byte[] data) throws IOException {
    sendRequest(flags, Nbd.CMD_WRITE, cookie, offset, data.length);
    send(data);
  }

  /** A simple reply without data: its error. */
  int simpleReply(long cookie) throws IOException {
    ByteBuffer reply = receive(Nbd.SIMPLE_REPLY_BYTES);
    assertThat(reply.getInt()).isEqualTo(Nbd.SIMPLE_REPLY_MAGIC);
    int error = reply.getInt();
    assertThat(reply.getLong()).isEqualTo(cookie);
    return error;
  }

  /** A chunk, or a simple reply as if it were the only chunk. */
  record Chunk(boolean simple, int flags, int type, long cookie, ByteSource data) {
    boolean isLast() {
      return simple || (flags & Nbd.REPLY_FLAG_DONE) != 0;
    }

    int error() {
      return simple || type == Nbd.REPLY_TYPE_ERROR ? buffer().getInt() : 0;
    }

    String errorText() {
      ByteBuffer text = buffer().position(4);
      assertThat(text.getShort()).isEqualTo((short) text.remaining());
      return StandardCharsets.UTF_8.decode(text).toString();
    }

    ByteBuffer buffer() {
      return bufferOf(data);
    }
  }

  Chunk chunk() throws IOException {
    int magic = receive(4).getInt();
    if (magic == Nbd.SIMPLE_REPLY_MAGIC) {
      ByteSource error = ByteSource.wrap(receiveBytes(4));
      return new Chunk(true, 0, 0, receive(8).getLong(), error);
    }
    assertThat(magic).isEqualTo(Nbd.STRUCTURED_REPLY_MAGIC);
    ByteBuffer header = receive(16);
    int flags = Short.toUnsignedInt(header.getShort());
    int type = Short.toUnsignedInt(header.getShort());
    long cookie = header.getLong();
    return new Chunk(false, flags, type, cookie, ByteSource.wrap(receiveBytes(header.getInt())));
  }

  /** The error of a request, whatever the form of its one-piece reply; 0 if it was served. */
  int error(long cookie) throws IOException {
    Chunk chunk = chunk();
    assertThat(chunk.cookie()).isEqualTo(cookie);
    assertThat(chunk.isLast()).isTrue();
    return chunk.error();
  }

  /** All chunks of the reply to a read, put together; the request is the only one in flight. */
  byte[] structuredRead(long offset, int length) throws IOException {
    sendRequest(0, Nbd.CMD_READ, 77, offset, length);
    byte[] data = new byte[length];
    Arrays.fill(data, (byte) 0xee);
    int covered = 0;
    Chunk chunk;
    do {
      chunk = chunk();
      ByteBuffer content = chunk.buffer();
      if (chunk.type() == Nbd.REPLY_TYPE_OFFSET_DATA) {
        int at = (int) (content.getLong() - offset);
        covered += content.remaining();
        content.get(data, at, content.remaining());
      } else if (chunk.type() == Nbd.REPLY_TYPE_OFFSET_HOLE) {
        int at = (int) (content.getLong() - offset);
        int hole = content.getInt();
        covered += hole;
        Arrays.fill(data, at, at + hole, (byte) 0);
      } else {
        assertThat(chunk.type()).isEqualTo(Nbd.REPLY_TYPE_NONE);
      }
    } while (!chunk.isLast());
    assertThat(covered).isEqualTo(length);
    return data;
  }

  byte[] simpleRead(long offset, int length) throws IOException {
    sendRequest(0, Nbd.CMD_READ, 78, offset, length);
    assertThat(simpleReply(78)).isZero();
    return receiveBytes(length);
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
