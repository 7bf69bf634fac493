package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.AlignedBuffers;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Takes requests from the stream. What fails by its header costs no memory: its payload is read
 * past, so that the stream stays in step.
 *
 * <p>Threading: used by one thread at a time. Blocks while the connection or the whole server has
 * as much payload in memory as it may have.
 */
final class RequestReader {
  /** A refused write is read past up to so many times the largest allowed one. */
  private static final int SKIPPABLE = 4;

  private final Input input;
  private final Rules rules;
  private final AlignedBuffers memory;
  private final ByteBudget.Share share;
  private final Patience patience;

  /**
   * @param patience with a request that has begun to arrive
   */
  RequestReader(
      Input input, Rules rules, AlignedBuffers memory, ByteBudget.Share share, Patience patience) {
    this.input = input;
    this.rules = rules;
    this.memory = memory;
    this.share = share;
    this.patience = patience;
  }

  /** Whether another request, or its beginning, has arrived. */
  boolean moreArrived() {
    return input.buffered() > 0;
  }

  /**
   * The next request; null if the stream ended before it.
   *
   * @throws ProtocolViolation if what came is no request
   */
  @Nullable Request next() throws IOException, InterruptedException {
    if (input.buffered() < Nbd.REQUEST_BYTES && !awaitHeader()) {
      return null;
    }
    ByteBuffer header = input.bytes();
    int magic = header.getInt();
    if (magic != Nbd.REQUEST_MAGIC) {
      throw new ProtocolViolation("0x%08x where a request should begin".formatted(magic));
    }
    var request =
        new Request(
            Short.toUnsignedInt(header.getShort()),
            Short.toUnsignedInt(header.getShort()),
            header.getLong(),
            header.getLong(),
            Integer.toUnsignedLong(header.getInt()));
    if (request.type() == Nbd.CMD_DISC) {
      return request;
    }
    Fault fault = rules.check(request);
    if (fault != null) {
      if (request.type() == Nbd.CMD_WRITE) {
        skip(request.length());
      }
      return request.refused(fault);
    }
    if (request.length() == 0) {
      return request;
    }
    return switch (request.type()) {
      case Nbd.CMD_WRITE -> write(request);
      case Nbd.CMD_READ -> request.holding(null, reserve((int) request.length()));
      case Nbd.CMD_CACHE ->
          request.holding(null, reserve((int) Math.min(request.length(), Commands.CACHE_STEP)));
      default -> request;
    };
  }

  private boolean awaitHeader() throws IOException {
    if (!input.await(1)) {
      return false;
    }
    if (input.buffered() < Nbd.REQUEST_BYTES) {
      patience.begin(0);
      input.require(Nbd.REQUEST_BYTES);
      patience.end();
    }
    return true;
  }

  private Request write(Request request) throws IOException, InterruptedException {
    int length = (int) request.length();
    int reserved = reserve(length);
    ByteBuffer payload = null;
    boolean complete = false;
    try {
      payload = memoryFor(length);
      if (payload == null) {
        skip(length);
        return request.refused(new Fault(Nbd.ENOMEM, "the server is out of memory"));
      }
      if (input.buffered() < length) {
        patience.begin(length);
        input.readFully(payload);
        patience.end();
      } else {
        input.readFully(payload);
      }
      complete = true;
      return request.holding(payload.flip(), reserved);
    } finally {
      if (!complete) {
        share.give(reserved);
        if (payload != null) {
          memory.release(payload);
        }
      }
    }
  }

  private @Nullable ByteBuffer memoryFor(int length) {
    try {
      return memory.acquire(length);
    } catch (OutOfMemoryError e) {
      return null;
    }
  }

  private int reserve(int bytes) throws InterruptedException {
    int reserved = footprint(bytes);
    if (!share.tryTake(reserved)) {
      share.take(reserved);
    }
    return reserved;
  }

  /** The memory that a buffer of so many bytes takes up. */
  private static int footprint(int bytes) {
    int blocks = Math.ceilDiv(bytes, AlignedBuffers.ALIGNMENT);
    return AlignedBuffers.ALIGNMENT * Math.max(1, Integer.highestOneBit(2 * blocks - 1));
  }

  private void skip(long length) throws IOException {
    if (length > (long) SKIPPABLE * rules.maxRequest()) {
      throw new ProtocolViolation("a write of %d bytes".formatted(length));
    }
    patience.begin(length);
    input.skip(length);
    patience.end();
  }
}
