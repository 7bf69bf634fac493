package io.mirrorctl.cli.nbd;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.env.Env;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * One negotiated connection that carries many requests at a time.
 *
 * <p>Threading: a request is sent by the thread that submits it, unless another is sending, which
 * then takes it along; answers are read by the thread in {@link #run}. So a lone request costs one
 * hand-over between threads, and many at once share system calls. The socket never blocks: what it
 * does not take at once is sent by the reading thread.
 *
 * <p>Locks: {@code sendLock} is held while bytes are put on the socket, and the one of {@link
 * ConnectionRequests} inside it; neither across anything that waits.
 *
 * <p>End: a connection ends once, for whatever reason, and says so to its owner. By then nobody
 * touches the buffers of the requests that are left, see {@link #orphans}.
 */
final class ClientConnection implements ReplyReader.Requests {
  private static final int RECEIVE_BYTES = 256 << 10;

  /** Rounds of sending after which a caller leaves the rest to the reading thread. */
  private static final int CALLER_ROUNDS = 16;

  /** Rounds of reading or sending after which the reading thread looks at its other duties. */
  private static final int READER_ROUNDS = 64;

  private final ClientSocket socket;
  private final UnflushedWrites unflushed;
  private final Duration requestTimeout;
  private final Env env;
  private final String name;
  private final Consumer<ClientConnection> whenEnded;
  private final ReplyReader replies;
  private final ByteBuffer received = ByteBuffer.allocateDirect(RECEIVE_BYTES);

  private final ReentrantLock sendLock = new ReentrantLock();

  /** Used under {@code sendLock}, except for the question what it is sending. */
  private final RequestStream stream = new RequestStream();

  private final ConnectionRequests requests;

  /** The socket is full; the reading thread will go on sending. */
  private volatile boolean blocked;

  /** Why the connection must end; null while it need not. */
  private final AtomicReference<IOException> reason = new AtomicReference<>();

  private volatile boolean answeredAny;

  /** When the reading thread last looked for late answers. */
  private long checkedNanos;

  private List<NbdRequest> orphans = List.of();

  /**
   * @param whenEnded told once by the reading thread, as its last act
   */
  ClientConnection(
      ClientSocket socket,
      ServerExport export,
      UnflushedWrites unflushed,
      Duration requestTimeout,
      Env env,
      String name,
      Consumer<ClientConnection> whenEnded) {
    this.socket = socket;
    this.unflushed = unflushed;
    this.requestTimeout = requestTimeout;
    this.env = env;
    this.name = name;
    this.whenEnded = whenEnded;
    this.replies = new ReplyReader(export, this);
    this.requests = new ConnectionRequests(env.ticker(), socket::wakeup);
  }

  // ---- for the owner -----------------------------------------------------------------------

  /**
   * Takes a request over, to answer it or to leave it among the {@link #orphans}.
   *
   * @return false, and nothing was done, if this connection takes no more requests
   */
  boolean submit(NbdRequest request) {
    if (!requests.add(request)) {
      return false;
    }
    send(CALLER_ROUNDS);
    return true;
  }

  /** Requests that are not answered yet. */
  int load() {
    return requests.size();
  }

  /** Takes no more requests, and ends in order when those that are there have been answered. */
  void finish() {
    requests.finish();
    socket.wakeup();
  }

  /** Ends as soon as possible, for this reason unless there is one already. */
  void breakOff(IOException why) {
    reason.compareAndSet(null, why);
    socket.wakeup();
  }

  /** Why the connection ended; null if it was finished in order. */
  IOException reason() {
    return reason.get();
  }

  /** Whether the server has answered a request at all. */
  boolean answeredAny() {
    return answeredAny;
  }

  /** The requests without an answer, oldest first, once the connection has ended. */
  List<NbdRequest> orphans() {
    return orphans;
  }

  // ---- sending -----------------------------------------------------------------------------

  private void send(int rounds) {
    // whoever finds the lock taken may leave: its holder looks again after letting go of it
    while (!blocked && reason.get() == null && requests.anyToSend() && sendLock.tryLock()) {
      try {
        if (!blocked) {
          sendLocked(rounds);
        }
      } finally {
        sendLock.unlock();
      }
    }
  }

  @GuardedBy("sendLock")
  private void sendLocked(int rounds) {
    try {
      if (stream.send(socket, () -> requests.next(stream, unflushed), rounds)
          != RequestStream.Result.ALL_SENT) {
        blocked = true;
        socket.wantWrite(true);
      }
    } catch (IOException e) {
      breakOff(e);
    } catch (RuntimeException | Error e) {
      breakOff(new IOException("sending failed in an unforeseen way: " + e, e));
    }
  }

  private void sendOn() throws IOException {
    sendLock.lock();
    try {
      blocked = false;
      socket.wantWrite(false);
      sendLocked(READER_ROUNDS);
    } finally {
      sendLock.unlock();
    }
  }

  // ---- the reading thread ------------------------------------------------------------------

  /** Serves the connection until it ends. */
  void run() {
    Thread thread = Thread.currentThread();
    String idleName = thread.getName();
    thread.setName("nbd-reader " + name);
    try {
      serve();
    } catch (IOException e) {
      breakOff(e);
    } catch (RuntimeException | Error e) {
      breakOff(new IOException("reading failed in an unforeseen way: " + e, e));
    } finally {
      try {
        end();
      } finally {
        thread.setName(idleName);
        whenEnded.accept(this);
      }
    }
  }

  private void serve() throws IOException {
    // bytes of the first replies may have come in with the end of the TLS handshake
    boolean more = socket.holdsBytesBack();
    boolean quiet = false;
    while (reason.get() == null) {
      int ready = more ? socket.poll() : socket.await(patience(quiet));
      // nobody has a reason to interrupt this thread, and waiting would no longer work
      var _ = Thread.interrupted();
      if ((ready & SelectionKey.OP_WRITE) != 0) {
        sendOn();
      }
      if (more || ready != 0) {
        more = receive();
        send(READER_ROUNDS);
      }
      quiet = ready == 0;
      checkTimeouts();
      if (requests.finished()) {
        return;
      }
    }
  }

  /** How long to wait for the socket, in milliseconds; zero: until it is ready. */
  private long patience(boolean quiet) {
    return quiet && requests.readerMayDoze() ? 0 : tickMillis();
  }

  /** How often to look whether the server is late. */
  private long tickMillis() {
    return Math.clamp(requestTimeout.toMillis() / 8, 1, 1000);
  }

  /** Reads what is there; returns whether there is more at hand. */
  private boolean receive() throws IOException {
    for (int round = 0; round < READER_ROUNDS; round++) {
      ByteBuffer direct = replies.directSink();
      ByteBuffer into = direct == null ? received : direct;
      int n = socket.read(into);
      if (n < 0) {
        throw new EOFException("the server closed the connection");
      }
      if (n == 0) {
        return false;
      }
      boolean drained = into.hasRemaining() && !socket.holdsBytesBack();
      if (direct == null) {
        received.flip();
        try {
          replies.consume(received);
        } finally {
          received.compact();
        }
      } else {
        replies.filled();
      }
      if (drained) {
        return false;
      }
    }
    return true;
  }

  @Override
  public NbdRequest waiting(long cookie) throws ProtocolViolation {
    return requests.waiting(cookie);
  }

  @Override
  public void answered(long cookie, NbdRequest request) throws IOException {
    checkWhollySent(request);
    answeredAny = true;
    boolean over = request.answered(unflushed);
    requests.answered(cookie, request, over);
    if (over) {
      request.complete();
    }
  }

  /** The caller may use its buffer for something else as soon as its request is over. */
  private void checkWhollySent(NbdRequest request) throws ProtocolViolation {
    if (stream.sending() != request) {
      return;
    }
    // it may just have been sent by a thread that has not noted it yet
    sendLock.lock();
    try {
      if (stream.sending() == request) {
        throw new ProtocolViolation("an answer to a " + request + " that it does not have yet");
      }
    } finally {
      sendLock.unlock();
    }
  }

  private void checkTimeouts() throws DeviceException {
    long now = env.ticker().read();
    if (now - checkedNanos < tickMillis() * 1_000_000) {
      return;
    }
    checkedNanos = now;
    if (now - requests.oldestNanos(now) > requestTimeout.toNanos()) {
      throw new DeviceException(
          IoFailure.TIMEOUT,
          "the server has not answered a request for %d ms".formatted(requestTimeout.toMillis()));
    }
  }

  private void end() {
    requests.end();
    try {
      hangUp();
    } finally {
      // a caller may still be at the socket; it leaves at once, and nobody follows
      sendLock.lock();
      try {
        orphans = requests.removeAll();
      } finally {
        sendLock.unlock();
      }
    }
  }

  private void hangUp() {
    IOException why = reason.get();
    boolean shutdown = why instanceof DeviceException e && e.failure() == IoFailure.GONE;
    if (why == null || shutdown) {
      disconnect();
      socket.close();
    } else {
      socket.abort();
    }
  }

  private void disconnect() {
    sendLock.lock();
    try {
      stream.disconnect(socket);
    } catch (IOException e) {
      // it was a courtesy
    } finally {
      sendLock.unlock();
    }
  }
}
