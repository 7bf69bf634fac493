package io.mirrorctl.cli.nbd;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.io.EOFException;
import java.io.IOException;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import javax.net.ssl.SSLException;

/**
 * The client's side of fixed newstyle negotiation, up to the transmission phase.
 *
 * <p>Asks for TLS (if the URI wants it, then nothing else goes before it), structured replies, says
 * who it is (if it is a node of a cluster, on a disk it shares), asks for {@code base:allocation},
 * and the export with its block sizes; falls back to EXPORT_NAME with servers that do not know GO.
 * Nothing a server sends makes this allocate, loop or wait without limit.
 */
final class ClientHandshake {
  /** No reply to an option of ours is longer: texts end at 4096 bytes. */
  private static final int MAX_REPLY = 4096 + 64;

  /** Far more replies than any option of ours can sensibly have. */
  private static final int MAX_REPLIES = 64;

  private final ClientSocket socket;
  private final NbdUri uri;
  private final Deadline deadline;
  private final ByteBuffer in = ByteBuffer.allocate(2 * MAX_REPLY).flip();

  private boolean noZeroes;
  private boolean showsCertificate;
  private Optional<UUID> storage = Optional.empty();

  private ClientHandshake(ClientSocket socket, NbdUri uri, Deadline deadline) {
    this.socket = socket;
    this.uri = uri;
    this.deadline = deadline;
  }

  /**
   * Negotiates on a fresh connection.
   *
   * @param node who we are, as a node of a cluster
   * @param owed whom the server has to refuse before it lets such a node have the export
   * @throws ProtocolViolation if the server does not keep to the protocol
   * @throws DeviceException if it refuses, or does not answer before the deadline
   */
  static ServerExport negotiate(
      ClientSocket socket,
      NbdUri uri,
      NbdClientTls tls,
      Optional<NodeIdentity> node,
      OwedFences owed,
      Deadline deadline)
      throws IOException {
    var handshake = new ClientHandshake(socket, uri, deadline);
    handshake.begin(tls);
    boolean structured = handshake.structuredReplies();
    if (node.isPresent()) {
      handshake.storage = handshake.identify(node.get());
      if (handshake.storage.isPresent()) {
        List<NodeIdentity> victims = owed.toldBy(node);
        if (!victims.isEmpty()) {
          handshake.fence(victims);
          owed.paid(victims);
        }
      }
    }
    OptionalInt context = structured ? handshake.allocationContext() : OptionalInt.empty();
    ServerExport export = handshake.go(structured, context);
    if (handshake.in.hasRemaining()) {
      throw new ProtocolViolation("it sends replies before there is a request");
    }
    return export;
  }

  /**
   * Tells a server to refuse nodes.
   *
   * @return false if the server cannot do that at all
   * @throws IOException if it has not, or one cannot know
   */
  static boolean fence(
      ClientSocket socket,
      NbdUri uri,
      NbdClientTls tls,
      NodeIdentity node,
      List<NodeIdentity> victims,
      Deadline deadline)
      throws IOException {
    var handshake = new ClientHandshake(socket, uri, deadline);
    handshake.begin(tls);
    if (handshake.identify(node).isEmpty()) {
      return false;
    }
    handshake.fence(victims);
    handshake.sendOption(Nbd.OPT_ABORT, new byte[0]);
    return true;
  }

  private void begin(NbdClientTls tls) throws IOException {
    greet();
    if (uri.tls()) {
      startTls(tls);
    }
  }

  /** Says who we are; empty if the server does not want to know. */
  private Optional<UUID> identify(NodeIdentity node) throws IOException {
    sendOption(Nbd.OPT_IDENTIFY, bytes(List.of(node)));
    Reply reply = reply(Nbd.OPT_IDENTIFY);
    if (reply.type == Nbd.REP_ERR_TLS_REQD) {
      throw tlsRequired();
    }
    if (reply.type == Nbd.REP_ERR_POLICY) {
      throw new DeviceException(
          IoFailure.GONE, "the server does not serve %s%s".formatted(node, reply.text()));
    }
    if (reply.type == Nbd.REP_ERR_PLATFORM) {
      throw new DeviceException(
          IoFailure.GONE, "the server cannot serve %s yet%s".formatted(node, reply.text()));
    }
    if (reply.isError()) {
      return Optional.empty();
    }
    if (reply.type != Nbd.REP_STORAGE || reply.data.length != 2 * Long.BYTES) {
      throw new ProtocolViolation("a wrong answer to who we are");
    }
    ByteBuffer id = ByteBuffer.wrap(reply.data);
    reply(Nbd.OPT_IDENTIFY).mustBeAck();
    return Optional.of(new UUID(id.getLong(), id.getLong()));
  }

  private void fence(List<NodeIdentity> victims) throws IOException {
    sendOption(Nbd.OPT_FENCE, bytes(victims));
    Reply reply = reply(Nbd.OPT_FENCE);
    if (reply.isError()) {
      throw new DeviceException(
          IoFailure.OTHER,
          "the server has not fenced %s%s"
              .formatted(
                  victims.size() == 1 ? victims.getFirst() : victims.size() + " nodes",
                  reply.text()));
    }
    reply.mustBeAck();
  }

  private static byte[] bytes(List<NodeIdentity> nodes) {
    ByteBuffer data = ByteBuffer.allocate(nodes.size() * NodeIdentity.BYTES);
    nodes.forEach(node -> node.put(data));
    return data.array();
  }

  private void greet() throws IOException {
    need(16, "greeting");
    long magic = in.getLong();
    long style = in.getLong();
    if (magic != Nbd.INIT_MAGIC) {
      throw new ProtocolViolation("it does not begin with NBDMAGIC; is this an NBD server?");
    }
    if (style == Nbd.OLDSTYLE_MAGIC) {
      throw unsupported("the server speaks the oldstyle protocol, which cannot name exports");
    }
    if (style != Nbd.OPTION_MAGIC) {
      throw new ProtocolViolation("unknown style 0x%016x".formatted(style));
    }
    need(2, "greeting");
    int flags = in.getShort();
    if ((flags & Nbd.FLAG_FIXED_NEWSTYLE) == 0) {
      throw unsupported("the server speaks newstyle without \"fixed\", which is too old");
    }
    noZeroes = (flags & Nbd.FLAG_NO_ZEROES) != 0;
    int answer = Nbd.FLAG_C_FIXED_NEWSTYLE | (noZeroes ? Nbd.FLAG_C_NO_ZEROES : 0);
    send(ByteBuffer.allocate(4).putInt(answer));
  }

  private void startTls(NbdClientTls tls) throws IOException {
    sendOption(Nbd.OPT_STARTTLS, new byte[0]);
    Reply reply = reply(Nbd.OPT_STARTTLS);
    if (reply.isError()) {
      throw unsupported("the server does not do TLS" + reply.text());
    }
    reply.mustBeAck();
    if (in.hasRemaining()) {
      // whoever sits between could otherwise put words into the server's mouth
      throw new ProtocolViolation("plain bytes follow its consent to TLS");
    }
    try {
      socket.startTls(tls.engine(uri), deadline);
    } catch (SSLException e) {
      throw new IOException("the server is not used: " + tls.explain(e), e);
    }
    showsCertificate = tls.certificate().isPresent();
  }

  private boolean structuredReplies() throws IOException {
    Reply reply;
    try {
      sendOption(Nbd.OPT_STRUCTURED_REPLY, new byte[0]);
      reply = reply(Nbd.OPT_STRUCTURED_REPLY);
    } catch (EOFException | SocketException | SSLException e) {
      if (!uri.tls()) {
        throw e;
      }
      // a client's certificate is looked at when the client thinks that TLS is ready
      throw new IOException(
          "the server hung up after the start of TLS; it may "
              + (showsCertificate
                  ? "not accept this client's certificate; show one that its authorities have signed"
                  : "want a certificate of its clients; show one with --disk-tls-cert and --disk-tls-key"),
          e);
    }
    if (reply.type == Nbd.REP_ERR_TLS_REQD) {
      throw tlsRequired();
    }
    if (reply.isError()) {
      return false;
    }
    reply.mustBeAck();
    return true;
  }

  private OptionalInt allocationContext() throws IOException {
    byte[] export = uri.export().getBytes(UTF_8);
    byte[] context = Nbd.CONTEXT_BASE_ALLOCATION.getBytes(UTF_8);
    ByteBuffer request = ByteBuffer.allocate(4 + export.length + 4 + 4 + context.length);
    request.putInt(export.length).put(export).putInt(1).putInt(context.length).put(context);
    sendOption(Nbd.OPT_SET_META_CONTEXT, request.array());
    OptionalInt id = OptionalInt.empty();
    for (int replies = 0; replies < MAX_REPLIES; replies++) {
      Reply reply = reply(Nbd.OPT_SET_META_CONTEXT);
      if (reply.isError()) {
        // if it is about the export, asking for that will say so better
        return OptionalInt.empty();
      }
      if (reply.type != Nbd.REP_META_CONTEXT) {
        reply.mustBeAck();
        return id;
      }
      if (reply.data.length < 4 || id.isPresent()) {
        throw new ProtocolViolation("a wrong answer to the question for one context");
      }
      id = OptionalInt.of(ByteBuffer.wrap(reply.data).getInt());
      String name = new String(reply.data, 4, reply.data.length - 4, UTF_8);
      if (!name.equals(Nbd.CONTEXT_BASE_ALLOCATION)) {
        throw new ProtocolViolation("a context that was not asked for: " + printable(name));
      }
    }
    throw tooManyReplies();
  }

  private ServerExport go(boolean structured, OptionalInt context) throws IOException {
    byte[] export = uri.export().getBytes(UTF_8);
    ByteBuffer request = ByteBuffer.allocate(4 + export.length + 2 + 2);
    request.putInt(export.length).put(export);
    request.putShort((short) 1).putShort((short) Nbd.INFO_BLOCK_SIZE);
    sendOption(Nbd.OPT_GO, request.array());
    Optional<ByteBuffer> sizeAndFlags = Optional.empty();
    BlockSizes sizes = ServerExport.DEFAULT_SIZES;
    for (int replies = 0; replies < MAX_REPLIES; replies++) {
      Reply reply = reply(Nbd.OPT_GO);
      if (reply.type == Nbd.REP_ERR_UNSUP && sizeAndFlags.isEmpty()) {
        return exportName(structured, context);
      }
      if (reply.isError()) {
        throw refused(reply);
      }
      if (reply.type != Nbd.REP_INFO) {
        reply.mustBeAck();
        if (sizeAndFlags.isEmpty()) {
          throw new ProtocolViolation("it lets us have the export and does not say its size");
        }
        return export(sizeAndFlags.get(), sizes, structured, context);
      }
      ByteBuffer info = ByteBuffer.wrap(reply.data);
      int type = info.remaining() < 2 ? -1 : info.getShort() & 0xffff;
      int expected =
          switch (type) {
            case Nbd.INFO_EXPORT -> 10;
            case Nbd.INFO_BLOCK_SIZE -> 12;
            case -1 -> -1;
            default -> info.remaining();
          };
      if (info.remaining() != expected) {
        throw new ProtocolViolation("information about the export of a wrong length");
      }
      if (type == Nbd.INFO_EXPORT) {
        sizeAndFlags = Optional.of(info);
      } else if (type == Nbd.INFO_BLOCK_SIZE) {
        sizes = ServerExport.sizesFor(info.getInt(), info.getInt(), info.getInt());
      }
    }
    throw tooManyReplies();
  }

  private ServerExport exportName(boolean structured, OptionalInt context) throws IOException {
    sendOption(Nbd.OPT_EXPORT_NAME, uri.export().getBytes(UTF_8));
    try {
      need(10, "answer to EXPORT_NAME");
    } catch (EOFException e) {
      throw new DeviceException(
          IoFailure.GONE,
          "the server hangs up when asked for export \"%s\"; it may not have it"
              .formatted(uri.export()),
          e);
    }
    ByteBuffer sizeAndFlags = ByteBuffer.allocate(10).putLong(in.getLong()).putShort(in.getShort());
    if (!noZeroes) {
      need(Nbd.EXPORT_NAME_PADDING, "answer to EXPORT_NAME");
      in.position(in.position() + Nbd.EXPORT_NAME_PADDING);
    }
    return export(sizeAndFlags.flip(), ServerExport.DEFAULT_SIZES, structured, context);
  }

  private ServerExport export(
      ByteBuffer sizeAndFlags, BlockSizes sizes, boolean structured, OptionalInt context) {
    long size = sizeAndFlags.getLong();
    int flags = sizeAndFlags.getShort() & 0xffff;
    int known = (flags & Nbd.FLAG_HAS_FLAGS) == 0 ? 0 : flags;
    return new ServerExport(size, known, sizes, structured, context, storage);
  }

  private IOException refused(Reply reply) {
    String export = "export \"" + uri.export() + "\"";
    return switch (reply.type) {
      case Nbd.REP_ERR_UNKNOWN ->
          new DeviceException(IoFailure.GONE, "the server has no " + export + reply.text());
      case Nbd.REP_ERR_TLS_REQD -> tlsRequired();
      case Nbd.REP_ERR_POLICY ->
          new DeviceException(
              IoFailure.READ_ONLY, "the server does not let us have " + export + reply.text());
      case Nbd.REP_ERR_SHUTDOWN ->
          new DeviceException(IoFailure.GONE, "the server is shutting down" + reply.text());
      default ->
          new DeviceException(
              IoFailure.OTHER,
              "the server refuses %s with error %d%s"
                  .formatted(export, reply.type & ~Nbd.REP_FLAG_ERROR, reply.text()));
    };
  }

  private static DeviceException tlsRequired() {
    return unsupported("the server wants TLS; write nbds:// instead of nbd://");
  }

  private static DeviceException unsupported(String why) {
    return new DeviceException(IoFailure.NOT_SUPPORTED, why);
  }

  private static ProtocolViolation tooManyReplies() {
    return new ProtocolViolation("more than " + MAX_REPLIES + " replies to one option");
  }

  // ---- the wire ----------------------------------------------------------------------------

  private void sendOption(int option, byte[] data) throws IOException {
    ByteBuffer out = ByteBuffer.allocate(Nbd.OPTION_HEADER_BYTES + data.length);
    send(out.putLong(Nbd.OPTION_MAGIC).putInt(option).putInt(data.length).put(data));
  }

  private void send(ByteBuffer filled) throws IOException {
    ByteBuffer[] out = {filled.flip()};
    while (!socket.write(out)) {
      socket.awaitWritable(deadline, "negotiating");
    }
  }

  private Reply reply(int option) throws IOException {
    String during = "answer to option " + option;
    need(Nbd.OPTION_REPLY_HEADER_BYTES, during);
    long magic = in.getLong();
    int about = in.getInt();
    int type = in.getInt();
    int length = in.getInt();
    if (magic != Nbd.OPTION_REPLY_MAGIC || about != option) {
      throw new ProtocolViolation("what should be its %s is not".formatted(during));
    }
    if (length < 0 || length > MAX_REPLY) {
      throw new ProtocolViolation(
          "%s bytes of %s".formatted(Integer.toUnsignedString(length), during));
    }
    need(length, during);
    byte[] data = new byte[length];
    in.get(data);
    return new Reply(type, data);
  }

  private void need(int bytes, String what) throws IOException {
    while (in.remaining() < bytes) {
      in.compact();
      int n;
      try {
        n = socket.read(in);
      } finally {
        in.flip();
      }
      if (n < 0) {
        throw new EOFException("the server hung up before its " + what);
      }
      if (n == 0) {
        socket.awaitReadable(deadline, "waiting for the server's " + what);
      }
    }
  }

  /** A server's text, fit to be shown. */
  static String printable(String text) {
    String clean =
        text.codePoints()
            .limit(200)
            .map(c -> Character.isISOControl(c) ? ' ' : c)
            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
            .toString();
    return "\"" + clean.strip() + "\"";
  }

  private static final class Reply {
    private final int type;
    private final byte[] data;

    Reply(int type, byte[] data) {
      this.type = type;
      this.data = data;
    }

    boolean isError() {
      return (type & Nbd.REP_FLAG_ERROR) != 0;
    }

    void mustBeAck() throws ProtocolViolation {
      if (type != Nbd.REP_ACK) {
        throw new ProtocolViolation("option reply %d where none belongs".formatted(type));
      }
    }

    /** What the server adds to an error, ready to be appended. */
    String text() {
      return data.length == 0 ? "" : "; it says " + printable(new String(data, UTF_8));
    }
  }
}
