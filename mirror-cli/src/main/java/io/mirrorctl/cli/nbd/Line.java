package io.mirrorctl.cli.nbd;

import com.google.common.base.Ticker;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.GatheringByteChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/**
 * A connected socket, with blocking reads and writes, that can tell whether its peer is still
 * there.
 *
 * <p>That a peer has closed its side is seen only by reading up to the end of what it sent. Whoever
 * must know (a second connection that may be the replacement of this one) calls {@link
 * #askWhetherOpen} and then {@link #wasOpenAfter} until that is sure. For this the socket itself
 * does not block, and a reader that waits for bytes can be woken to look again.
 *
 * <p>Threading: one thread reads, one writes, anyone may ask or {@link #abort}. An interrupt ends a
 * wait with {@link InterruptedIOException}.
 */
final class Line implements ByteChannel, GatheringByteChannel {
  /** A patient reader still tries so often whether bytes lie ready. */
  private static final int TRY_EVERY = 8;

  private final SocketChannel socket;
  private final Ticker ticker;
  private final Selector readable;

  /** Made by the writer when it has to wait for the first time. */
  private volatile @Nullable Selector writable;

  /** A time at which the end of the peer's stream had not arrived. */
  private volatile long knownOpen;

  // of the reader
  private boolean emptied;
  private long lastReadBegan;
  private boolean patient;
  private int reads;
  private Arrival arrival = Arrival.UNKNOWN;

  /**
   * @param socket is closed if this fails
   */
  Line(SocketChannel socket, Ticker ticker) throws IOException {
    this.socket = socket;
    this.ticker = ticker;
    this.knownOpen = ticker.read();
    try {
      socket.configureBlocking(false);
      this.readable = Selector.open();
      socket.register(readable, SelectionKey.OP_READ);
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  /** How a read found its bytes. */
  enum Arrival {
    /** They lay ready. */
    READY,
    /** They had to be waited for. */
    AWAITED,
    UNKNOWN
  }

  /** How the last read found its bytes; asked by the reading thread. */
  Arrival lastArrival() {
    return arrival;
  }

  /**
   * Makes reads wait first and read then, if they expect nothing yet. That saves a call where it is
   * right; from time to time it is tried all the same.
   */
  void readPatiently(boolean value) {
    patient = value;
  }

  /** Makes a reader that waits look whether the end of the stream has arrived. */
  void askWhetherOpen() {
    readable.wakeup();
  }

  /**
   * Whether the peer surely had not closed its side at the given time: a read that began later
   * found nothing, not even the end; or it took all there was, and the next one found more.
   *
   * @param time by the ticker, in nanoseconds
   */
  boolean wasOpenAfter(long time) {
    return knownOpen - time > 0;
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    int room = into.remaining();
    if (room == 0) {
      return 0;
    }
    if (patient && emptied && ++reads % TRY_EVERY != 0) {
      arrival = Arrival.UNKNOWN;
      await(readable);
    } else {
      arrival = Arrival.READY;
    }
    while (true) {
      long began = ticker.read();
      int count = socket.read(into);
      if (count == 0) {
        knownOpen = began;
        emptied = false;
        arrival = Arrival.AWAITED;
        await(readable);
        continue;
      }
      if (count > 0) {
        if (emptied) {
          knownOpen = lastReadBegan;
        }
        emptied = count < room;
        lastReadBegan = began;
      }
      return count;
    }
  }

  @Override
  public int write(ByteBuffer from) throws IOException {
    while (true) {
      int count = socket.write(from);
      if (count > 0 || !from.hasRemaining()) {
        return count;
      }
      awaitWritable();
    }
  }

  @Override
  public long write(ByteBuffer[] from, int offset, int length) throws IOException {
    while (true) {
      long count = socket.write(from, offset, length);
      if (count > 0) {
        return count;
      }
      awaitWritable();
    }
  }

  @Override
  public long write(ByteBuffer[] from) throws IOException {
    return write(from, 0, from.length);
  }

  private void awaitWritable() throws IOException {
    Selector selector = writable;
    if (selector == null) {
      selector = Selector.open();
      // before the registration, so that whoever closes the socket after it sees the selector
      writable = selector;
      try {
        socket.register(selector, SelectionKey.OP_WRITE);
      } catch (IOException e) {
        selector.close();
        throw e;
      }
    }
    await(selector);
  }

  private void await(Selector selector) throws IOException {
    try {
      selector.select(_ -> {});
    } catch (ClosedSelectorException e) {
      throw new AsynchronousCloseException();
    }
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("interrupted while waiting for the peer");
    }
    if (!socket.isOpen()) {
      throw new AsynchronousCloseException();
    }
  }

  @Override
  public boolean isOpen() {
    return socket.isOpen();
  }

  /** Drops the connection at once; threads that wait in a read or write leave with an exception. */
  void abort() {
    try {
      close();
    } catch (IOException e) {
      // a socket that does not even close leaves nothing to be done
    }
  }

  @Override
  public void close() throws IOException {
    // the socket first: a wait that begins later fails, one that has begun ends with its selector
    try {
      socket.close();
    } finally {
      readable.close();
      Selector selector = writable;
      if (selector != null) {
        selector.close();
      }
    }
  }
}
