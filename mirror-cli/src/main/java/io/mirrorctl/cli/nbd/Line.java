package io.mirrorctl.cli.nbd;

import com.google.common.base.Ticker;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.GatheringByteChannel;
import java.nio.channels.SocketChannel;

/**
 * A connected socket that remembers when it last heard from its peer.
 *
 * <p>A peer that closed its side is noticed only by reading up to the end of what it sent. Whoever
 * must know whether that has happened (a second connection that may be a replacement of this one)
 * asks {@link #openAfter}.
 *
 * <p>Threading: one thread reads, one writes, anyone may ask or {@link #abort}.
 */
final class Line implements ByteChannel, GatheringByteChannel {
  private final SocketChannel socket;
  private final Ticker ticker;

  /** When the read under way began; 0 while none is. */
  private volatile long readBegan;

  /** A time at which the peer's end of stream had surely not arrived. */
  private volatile long knownOpen;

  private boolean lastReadEmptiedSocket;
  private long lastReadBegan;
  private long lastReadNanos;

  Line(SocketChannel socket, Ticker ticker) {
    this.socket = socket;
    this.ticker = ticker;
    this.knownOpen = ticker.read();
  }

  /** How long the last read took, in nanoseconds; asked by the reading thread. */
  long lastReadNanos() {
    return lastReadNanos;
  }

  /**
   * Whether it is sure that the peer had not closed its side at the given time: either a read has
   * found nothing for so long that the end would have woken it, or a read that began after that
   * time emptied the socket and a later one found more data.
   *
   * @param time by the ticker, in nanoseconds
   * @param quiet nanoseconds without anything that prove an empty socket
   */
  boolean openAfter(long time, long quiet) {
    if (knownOpen - time > 0) {
      return true;
    }
    long began = readBegan;
    return began != 0 && ticker.read() - began > quiet;
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    int room = into.remaining();
    long began = ticker.read();
    readBegan = began;
    int count;
    try {
      count = socket.read(into);
    } finally {
      readBegan = 0;
    }
    lastReadNanos = ticker.read() - began;
    if (count > 0 && lastReadEmptiedSocket) {
      knownOpen = lastReadBegan;
    }
    lastReadEmptiedSocket = count < room;
    lastReadBegan = began;
    return count;
  }

  @Override
  public int write(ByteBuffer from) throws IOException {
    return socket.write(from);
  }

  @Override
  public long write(ByteBuffer[] from, int offset, int length) throws IOException {
    return socket.write(from, offset, length);
  }

  @Override
  public long write(ByteBuffer[] from) throws IOException {
    return socket.write(from);
  }

  @Override
  public boolean isOpen() {
    return socket.isOpen();
  }

  /** Drops the connection at once; threads inside a read or write leave with an exception. */
  void abort() {
    try {
      socket.close();
    } catch (IOException e) {
      // a socket that does not even close leaves nothing to be done
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
