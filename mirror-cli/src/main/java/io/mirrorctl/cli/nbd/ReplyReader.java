package io.mirrorctl.cli.nbd;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.mirrorctl.core.block.BlockDevice.Extent;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Takes a server's stream of replies apart and checks every word of it.
 *
 * <p>Bytes go in as they come, in pieces of any size; what they answer is told to {@link Requests}.
 * No length from the wire is believed before it was compared with the request, and nothing is
 * allocated by it. An exception means that the stream is useless from there on.
 *
 * <p>Threading: one thread.
 */
final class ReplyReader {
  /** Texts end at 4096 bytes; around them an error has at most 14 bytes more. */
  private static final int MAX_ERROR_CHUNK = Nbd.MAX_STRING + 14;

  /** The protocol asks servers not to send more extents than this at once. */
  private static final int MAX_STATUS_CHUNK = 4 + 8 * (1 << 20);

  private static final int EXTENT_BYTES = 8;

  private static final ByteBuffer ZEROES = ByteBuffer.allocateDirect(64 << 10).asReadOnlyBuffer();

  /** What was asked, as far as it is not answered. */
  interface Requests {
    /** The request with this cookie that waits for an answer. */
    NbdRequest waiting(long cookie) throws ProtocolViolation;

    /** The answer to the request is whole. */
    void answered(long cookie, NbdRequest request) throws IOException;
  }

  private enum Expecting {
    HEADER,
    OFFSET_OF_DATA,
    DATA,
    HOLE,
    ERROR,
    CONTEXT,
    EXTENTS
  }

  private final ServerExport export;
  private final Requests requests;

  private Expecting expecting = Expecting.HEADER;
  private NbdRequest request;
  private long cookie;
  private int chunkType;
  private int chunkLength;
  private boolean lastChunk;
  private ByteBuffer sink;
  private int extentsLeft;
  private long extentsEnd;

  ReplyReader(ServerExport export, Requests requests) {
    this.export = export;
    this.requests = requests;
  }

  /**
   * Takes what it can from the buffer; a few bytes of a header may stay.
   *
   * @throws ProtocolViolation if the bytes cannot be an answer to what was asked
   * @throws DeviceException if the server says that it is going away
   */
  void consume(ByteBuffer in) throws IOException {
    boolean more;
    do {
      more = step(in);
    } while (more);
  }

  /**
   * Where the bytes that come next may be put directly, because they are data of a read and many;
   * null if they have to go through {@link #consume}. After filling it in part or whole call {@link
   * #filled}.
   */
  ByteBuffer directSink() {
    boolean worthIt = expecting == Expecting.DATA && sink.isDirect() && sink.remaining() >= 4096;
    return worthIt ? sink : null;
  }

  /** Bytes were put into the {@link #directSink}. */
  void filled() throws IOException {
    if (!sink.hasRemaining()) {
      dataEnds();
    }
  }

  private boolean step(ByteBuffer in) throws IOException {
    return switch (expecting) {
      case HEADER -> header(in);
      case OFFSET_OF_DATA -> in.remaining() >= 8 && startData(in.getLong());
      case DATA -> data(in);
      case HOLE -> in.remaining() >= 12 && hole(in.getLong(), in.getInt());
      case ERROR -> in.remaining() >= chunkLength && errorChunk(in);
      case CONTEXT -> in.remaining() >= 4 && startExtents(in.getInt());
      case EXTENTS -> in.remaining() >= EXTENT_BYTES && extent(in);
    };
  }

  // ---- headers -----------------------------------------------------------------------------

  private boolean header(ByteBuffer in) throws IOException {
    if (in.remaining() < 4) {
      return false;
    }
    int magic = in.getInt(in.position());
    if (magic == Nbd.SIMPLE_REPLY_MAGIC) {
      return in.remaining() >= Nbd.SIMPLE_REPLY_BYTES && simpleReply(in);
    }
    if (magic == Nbd.STRUCTURED_REPLY_MAGIC && export.structuredReplies()) {
      return in.remaining() >= Nbd.STRUCTURED_REPLY_BYTES && chunk(in);
    }
    throw new ProtocolViolation("no reply begins with 0x%08x".formatted(magic));
  }

  private boolean simpleReply(ByteBuffer in) throws IOException {
    in.getInt();
    int error = in.getInt();
    begin(in.getLong());
    lastChunk = true;
    int command = request.wireCommand();
    if (command == Nbd.CMD_READ && export.structuredReplies()) {
      throw new ProtocolViolation("a simple reply to a read although chunks were agreed");
    }
    if (error != 0) {
      refuse(error, "");
      chunkEnds();
    } else if (command == Nbd.CMD_READ) {
      request.cover(request.offset, request.length);
      sink = request.sink(0, request.length);
      expecting = Expecting.DATA;
    } else if (command == Nbd.CMD_BLOCK_STATUS) {
      throw new ProtocolViolation("a simple reply to a question for extents");
    } else {
      chunkEnds();
    }
    return true;
  }

  private boolean chunk(ByteBuffer in) throws IOException {
    in.getInt();
    int flags = in.getShort();
    chunkType = in.getShort() & 0xffff;
    begin(in.getLong());
    chunkLength = in.getInt();
    lastChunk = (flags & Nbd.REPLY_FLAG_DONE) != 0;
    if ((chunkType & Nbd.REPLY_TYPE_FLAG_ERROR) != 0) {
      int least = chunkType == Nbd.REPLY_TYPE_ERROR_OFFSET ? 14 : 6;
      mustBe(chunkLength >= least && chunkLength <= MAX_ERROR_CHUNK);
      expecting = Expecting.ERROR;
      return true;
    }
    int command = request.wireCommand();
    switch (chunkType) {
      case Nbd.REPLY_TYPE_NONE -> {
        mustBe(chunkLength == 0 && lastChunk);
        chunkEnds();
      }
      case Nbd.REPLY_TYPE_OFFSET_DATA -> {
        mustBe(command == Nbd.CMD_READ && chunkLength > 8 && chunkLength - 8 <= request.length);
        expecting = Expecting.OFFSET_OF_DATA;
      }
      case Nbd.REPLY_TYPE_OFFSET_HOLE -> {
        mustBe(command == Nbd.CMD_READ && chunkLength == 12);
        expecting = Expecting.HOLE;
      }
      case Nbd.REPLY_TYPE_BLOCK_STATUS -> {
        mustBe(
            command == Nbd.CMD_BLOCK_STATUS
                && chunkLength >= 4 + EXTENT_BYTES
                && chunkLength <= MAX_STATUS_CHUNK
                && (chunkLength - 4) % EXTENT_BYTES == 0);
        expecting = Expecting.CONTEXT;
      }
      default -> mustBe(false);
    }
    return true;
  }

  private void begin(long newCookie) throws ProtocolViolation {
    cookie = newCookie;
    request = requests.waiting(newCookie);
  }

  private void mustBe(boolean sane) throws ProtocolViolation {
    if (!sane) {
      throw new ProtocolViolation(
          "a chunk of type %d and %s bytes to a %s"
              .formatted(chunkType, Integer.toUnsignedString(chunkLength), request));
    }
  }

  // ---- what follows them -------------------------------------------------------------------

  private boolean startData(long offset) throws ProtocolViolation {
    int size = chunkLength - 8;
    request.cover(offset, size);
    sink = request.sink((int) (offset - request.offset), size);
    expecting = Expecting.DATA;
    return true;
  }

  private boolean data(ByteBuffer in) throws IOException {
    int n = Math.min(in.remaining(), sink.remaining());
    if (n == 0) {
      return false;
    }
    sink.put(in.slice(in.position(), n));
    in.position(in.position() + n);
    if (!sink.hasRemaining()) {
      dataEnds();
    }
    return true;
  }

  private void dataEnds() throws IOException {
    sink = null;
    chunkEnds();
  }

  private boolean hole(long offset, int size) throws IOException {
    long length = Integer.toUnsignedLong(size);
    request.cover(offset, length);
    ByteBuffer into = request.sink((int) (offset - request.offset), (int) length);
    while (into.hasRemaining()) {
      into.put(ZEROES.slice(0, Math.min(into.remaining(), ZEROES.capacity())));
    }
    chunkEnds();
    return true;
  }

  private boolean errorChunk(ByteBuffer in) throws IOException {
    ByteBuffer chunk = in.slice(in.position(), chunkLength);
    in.position(in.position() + chunkLength);
    int error = chunk.getInt();
    int textLength = chunk.getShort() & 0xffff;
    int behind = chunkType == Nbd.REPLY_TYPE_ERROR_OFFSET ? 8 : 0;
    mustBe(error != 0 && textLength <= Nbd.MAX_STRING && textLength <= chunk.remaining() - behind);
    byte[] text = new byte[textLength];
    chunk.get(text);
    String place = "";
    if (chunkType == Nbd.REPLY_TYPE_ERROR_OFFSET) {
      long offset = chunk.getLong();
      long end = request.offset + Math.max(1, request.length);
      mustBe(offset >= request.offset && offset < end);
      place = " at byte " + offset;
    }
    String said = textLength == 0 ? "" : ": " + ClientHandshake.printable(new String(text, UTF_8));
    refuse(error, place + said);
    chunkEnds();
    return true;
  }

  private boolean startExtents(int context) throws ProtocolViolation {
    if (export.allocationContext().isEmpty() || context != export.allocationContext().getAsInt()) {
      throw new ProtocolViolation("extents of a context that was not agreed");
    }
    request.startExtents();
    extentsLeft = (chunkLength - 4) / EXTENT_BYTES;
    extentsEnd = 0;
    expecting = Expecting.EXTENTS;
    return true;
  }

  private boolean extent(ByteBuffer in) throws IOException {
    long length = Integer.toUnsignedLong(in.getInt());
    int state = in.getInt();
    if (length == 0 || extentsEnd >= request.length) {
      throw new ProtocolViolation("extents that are empty or lie behind the range asked for");
    }
    // the last one may reach over the end of the range
    long inside = Math.min(length, request.length - extentsEnd);
    extentsEnd += inside;
    request.addExtent(
        new Extent(inside, (state & Nbd.STATE_HOLE) != 0, (state & Nbd.STATE_ZERO) != 0));
    if (--extentsLeft == 0) {
      chunkEnds();
    }
    return true;
  }

  // ---- the end -----------------------------------------------------------------------------

  private void chunkEnds() throws IOException {
    expecting = Expecting.HEADER;
    NbdRequest ended = request;
    request = null;
    if (!lastChunk) {
      return;
    }
    if (!ended.refused()) {
      if (ended.wireCommand() == Nbd.CMD_READ && !ended.covered()) {
        throw new ProtocolViolation("the answer to a " + ended + " has gaps");
      }
      if (ended.wireCommand() == Nbd.CMD_BLOCK_STATUS && ended.extents() == null) {
        throw new ProtocolViolation("the answer to a " + ended + " has none");
      }
    }
    requests.answered(cookie, ended);
  }

  private void refuse(int error, String details) throws DeviceException {
    if (error == Nbd.ESHUTDOWN) {
      throw new DeviceException(IoFailure.GONE, "the server is shutting down" + details);
    }
    request.refuse(new NbdRequest.Failure(kind(error), "the server says " + name(error) + details));
  }

  private static IoFailure kind(int error) {
    return switch (error) {
      case Nbd.EPERM -> IoFailure.READ_ONLY;
      case Nbd.EIO -> IoFailure.MEDIUM;
      case Nbd.EINVAL -> IoFailure.INVALID;
      case Nbd.ENOSPC -> IoFailure.NO_SPACE;
      case Nbd.ENOTSUP -> IoFailure.NOT_SUPPORTED;
      default -> IoFailure.OTHER;
    };
  }

  private static String name(int error) {
    return switch (error) {
      case Nbd.EPERM -> "EPERM (not permitted)";
      case Nbd.EIO -> "EIO (input/output error)";
      case Nbd.ENOMEM -> "ENOMEM (out of memory)";
      case Nbd.EINVAL -> "EINVAL (invalid request)";
      case Nbd.ENOSPC -> "ENOSPC (no space left)";
      case Nbd.EOVERFLOW -> "EOVERFLOW (too large)";
      case Nbd.ENOTSUP -> "ENOTSUP (not supported)";
      default -> "error " + Integer.toUnsignedString(error);
    };
  }
}
