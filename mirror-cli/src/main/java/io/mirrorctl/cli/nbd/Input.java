package io.mirrorctl.cli.nbd;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The receiving side of a connection: many small requests are picked up by one read, a large
 * payload goes straight to where it is wanted.
 *
 * <p>Threading: used by one thread at a time, the one that reads.
 */
final class Input {
  /** More than one message of the handshake, and some dozen small requests. */
  static final int BUFFER_BYTES = 64 << 10;

  private final Transport transport;
  private final ByteBuffer buffer;

  /**
   * @param memory is this object's until the connection ends
   */
  Input(Transport transport, ByteBuffer memory) {
    this.transport = transport;
    this.buffer = memory.clear().limit(0);
  }

  /** Bytes that arrived and have not been taken. */
  int buffered() {
    return buffer.remaining();
  }

  /**
   * Waits until this many bytes are in the buffer.
   *
   * @return false if the stream ended before the first of them
   * @throws EOFException if it ended among them
   */
  boolean await(int bytes) throws IOException {
    while (buffer.remaining() < bytes) {
      buffer.compact();
      int count;
      try {
        count = transport.read(buffer);
      } finally {
        buffer.flip();
      }
      if (count < 0) {
        if (buffer.hasRemaining()) {
          throw cutOff();
        }
        return false;
      }
    }
    return true;
  }

  /** Waits for this many bytes, which belong to a message already begun. */
  void require(int bytes) throws IOException {
    if (!await(bytes)) {
      throw cutOff();
    }
  }

  /** What {@link #await} waited for, to be taken by relative gets. */
  ByteBuffer bytes() {
    return buffer;
  }

  /** Fills what remains of this buffer. */
  void readFully(ByteBuffer into) throws IOException {
    int buffered = Math.min(buffer.remaining(), into.remaining());
    into.put(into.position(), buffer, buffer.position(), buffered);
    into.position(into.position() + buffered);
    buffer.position(buffer.position() + buffered);
    while (into.hasRemaining()) {
      if (transport.read(into) < 0) {
        throw cutOff();
      }
    }
  }

  /** Drops this many bytes of the stream. */
  void skip(long bytes) throws IOException {
    long left = bytes;
    while (left > 0) {
      require(1);
      int step = (int) Math.min(left, buffer.remaining());
      buffer.position(buffer.position() + step);
      left -= step;
    }
  }

  private static EOFException cutOff() {
    return new EOFException("closed in the middle of a message");
  }
}
