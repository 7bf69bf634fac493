package io.mirrorctl.cli.nbd;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.GatheringByteChannel;

/**
 * A blocking byte stream to a peer, in plain text or through TLS.
 *
 * <p>Threading: one thread may read while another writes. {@link #abort} may be called at any time
 * from anywhere, never blocks, and makes threads inside a read or write leave with an exception.
 */
final class Transport {
  private final Line line;
  private final ByteChannel stream;
  private final GatheringByteChannel gathering;

  private <T extends ByteChannel & GatheringByteChannel> Transport(Line line, T stream) {
    this.line = line;
    this.stream = stream;
    this.gathering = stream;
  }

  static Transport plain(Line line) {
    return new Transport(line, line);
  }

  /** A stream through TLS, which itself runs on the line. */
  static Transport tls(Line line, tlschannel.TlsChannel tls) {
    return new Transport(line, tls);
  }

  Line line() {
    return line;
  }

  boolean isTls() {
    return stream != line;
  }

  /** Reads at least one byte; -1 at the end of the stream. */
  int read(ByteBuffer into) throws IOException {
    return stream.read(into);
  }

  /** Writes all that remains in these buffers. */
  void write(ByteBuffer[] from, int count) throws IOException {
    int first = 0;
    while (first < count) {
      if (from[first].hasRemaining()) {
        gathering.write(from, first, count - first);
      } else {
        first++;
      }
    }
  }

  /** Writes all that remains in this buffer. */
  void write(ByteBuffer from) throws IOException {
    while (from.hasRemaining()) {
      stream.write(from);
    }
  }

  /** Drops the connection at once. */
  void abort() {
    line.abort();
  }

  /** Ends the stream in order; with TLS the peer is told, which blocks on a slow one. */
  void close() {
    try {
      stream.close();
    } catch (IOException e) {
      line.abort();
    }
  }
}
