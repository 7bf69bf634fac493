package io.mirrorctl.cli.nbd;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.function.Supplier;

/**
 * Turns requests into bytes on a socket, many at a time: headers and small or heap payloads are
 * gathered in one buffer, large direct payloads go out from where they are.
 *
 * <p>Threading: by one thread at a time, which its owner sees to; {@link #sending} from any thread.
 */
final class RequestStream {
  private static final int STAGING_BYTES = 128 << 10;

  /** Below this, copying is quicker than one more buffer in a gathering write. */
  private static final int COPY_BYTES = 16 << 10;

  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  /** A request about to be sent, with its cookie. */
  record Outgoing(NbdRequest request, long cookie) {}

  private final ByteBuffer staging = ByteBuffer.allocateDirect(STAGING_BYTES).limit(0);
  private final ByteBuffer[] parts = {staging, NOTHING};

  /** What is left of the payload of the present request. */
  private ByteBuffer payload = NOTHING;

  private volatile NbdRequest sending;

  /** How {@link #send} ended. */
  enum Result {
    /** Everything there was is on its way. */
    ALL_SENT,
    /** The socket is full. */
    BLOCKED,
    /** There may be more to send, but this call has done its share. */
    MORE
  }

  /**
   * Sends until there is nothing left, the socket is full, or so many rounds are over.
   *
   * @param next gives the next request, or null if there is none
   */
  Result send(ClientSocket socket, Supplier<Outgoing> next, int rounds) throws IOException {
    for (int round = 0; round < rounds; round++) {
      if (!staging.hasRemaining() && !payloadGoesDirectly()) {
        fill(next);
      }
      parts[1] = payloadGoesDirectly() ? payload : NOTHING;
      if (!staging.hasRemaining() && !parts[1].hasRemaining()) {
        return Result.ALL_SENT;
      }
      if (!socket.write(parts)) {
        return Result.BLOCKED;
      }
      if (!payload.hasRemaining()) {
        sending = null;
      }
    }
    return Result.MORE;
  }

  /** Says which request comes next, before anybody could take a reply for the answer to it. */
  void announce(NbdRequest request) {
    sending = request;
  }

  /** The request that has not left its caller's buffer entirely, if any. */
  NbdRequest sending() {
    return sending;
  }

  /** Says goodbye to the server, unless a request is stuck half-way. */
  void disconnect(ClientSocket socket) throws IOException {
    if (!staging.hasRemaining() && !payload.hasRemaining()) {
      staging.clear();
      staging.putInt(Nbd.REQUEST_MAGIC).putShort((short) 0).putShort((short) Nbd.CMD_DISC);
      staging.putLong(0).putLong(0).putInt(0).flip();
      socket.write(new ByteBuffer[] {staging});
    }
  }

  private boolean payloadGoesDirectly() {
    return payload.hasRemaining() && payload.isDirect() && payload.remaining() > COPY_BYTES;
  }

  private void fill(Supplier<Outgoing> next) {
    staging.clear();
    while (true) {
      if (payload.hasRemaining()) {
        if (payloadGoesDirectly()) {
          break;
        }
        int n = Math.min(payload.remaining(), staging.remaining());
        staging.put(payload.slice(payload.position(), n));
        payload.position(payload.position() + n);
        if (payload.hasRemaining()) {
          break;
        }
        sending = null;
      }
      Outgoing outgoing = staging.remaining() < Nbd.REQUEST_BYTES ? null : next.get();
      if (outgoing == null) {
        break;
      }
      outgoing.request().putHeader(staging, outgoing.cookie());
      ByteBuffer bytes = outgoing.request().payload();
      if (bytes == null) {
        sending = null;
      } else {
        payload = bytes;
      }
    }
    staging.flip();
  }
}
