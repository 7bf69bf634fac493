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
import java.util.ArrayDeque;
import java.util.ArrayList;
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
 * <p>Locks: {@code sendLock} is held while bytes are put on the socket, {@code lock} inside it for
 * the lists of requests; neither across anything that waits.
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

  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final ArrayDeque<NbdRequest> queue = new ArrayDeque<>();

  @GuardedBy("lock")
  private final RequestSlots slots = new RequestSlots();

  /** No request is taken any more, those that are there will be answered. */
  @GuardedBy("lock")
  private boolean finishing;

  @GuardedBy("lock")
  private boolean ended;

  /** The reading thread waits without limit and must be woken for a request to be timed. */
  @GuardedBy("lock")
  private boolean dozing;

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
  }

  // ---- for the owner -----------------------------------------------------------------------

  /**
   * Takes a request over, to answer it or to leave it among the {@link #orphans}.
   *
   * @return false, and nothing was done, if this connection takes no more requests
   */
  boolean submit(NbdRequest request) {
    lock.lock();
    try {
      if (ended || finishing) {
        return false;
      }
      request.startAttempt();
      queue.add(request);
    } finally {
      lock.unlock();
    }
    send(CALLER_ROUNDS);
    return true;
  }

  /** Requests that are not answered yet. */
  int load() {
    lock.lock();
    try {
      return queue.size() + slots.size();
    } finally {
      lock.unlock();
    }
  }

  /** Takes no more requests, and ends in order when those that are there have been answered. */
  void finish() {
    lock.lock();
    try {
      finishing = true;
    } finally {
      lock.unlock();
    }
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
    while (!blocked && reason.get() == null && anythingToSend() && sendLock.tryLock()) {
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
      if (stream.send(socket, this::next, rounds) != RequestStream.Result.ALL_SENT) {
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

  private boolean anythingToSend() {
    lock.lock();
    try {
      return sendable();
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private boolean sendable() {
    return !ended && !queue.isEmpty() && slots.hasRoomFor(queue.peek());
  }

  private RequestStream.Outgoing next() {
    lock.lock();
    try {
      if (!sendable()) {
        return null;
      }
      NbdRequest request = queue.remove();
      stream.announce(request);
      long cookie = slots.add(request, env.ticker().read());
      if (dozing) {
        dozing = false;
        socket.wakeup();
      }
      return new RequestStream.Outgoing(request, cookie, unflushed.beforeFlush());
    } finally {
      lock.unlock();
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
      end();
      thread.setName(idleName);
      whenEnded.accept(this);
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
      if (finished()) {
        return;
      }
    }
  }

  /** How long to wait for the socket, in milliseconds; zero: until it is ready. */
  private long patience(boolean quiet) {
    lock.lock();
    try {
      dozing = quiet && queue.isEmpty() && slots.isEmpty() && !finishing;
      return dozing ? 0 : tickMillis();
    } finally {
      lock.unlock();
    }
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
    lock.lock();
    try {
      return slots.find(cookie);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void answered(long cookie, NbdRequest request) throws IOException {
    checkWhollySent(request);
    answeredAny = true;
    boolean over = request.answered(unflushed);
    lock.lock();
    try {
      slots.remove(cookie);
      if (!over) {
        // its second half, the flush, goes to the front: the caller has waited for the first
        queue.addFirst(request);
      }
    } finally {
      lock.unlock();
    }
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
    long oldest;
    lock.lock();
    try {
      oldest = slots.oldestNanos(now);
    } finally {
      lock.unlock();
    }
    if (now - oldest > requestTimeout.toNanos()) {
      throw new DeviceException(
          IoFailure.TIMEOUT,
          "the server has not answered a request for %d ms".formatted(requestTimeout.toMillis()));
    }
  }

  private boolean finished() {
    lock.lock();
    try {
      return finishing && queue.isEmpty() && slots.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  private void end() {
    lock.lock();
    try {
      ended = true;
    } finally {
      lock.unlock();
    }
    IOException why = reason.get();
    boolean shutdown = why instanceof DeviceException e && e.failure() == IoFailure.GONE;
    if (why == null || shutdown) {
      disconnect();
      socket.close();
    } else {
      socket.abort();
    }
    // a caller may still be at the socket; it leaves at once, and nobody follows
    sendLock.lock();
    try {
      collectOrphans();
    } finally {
      sendLock.unlock();
    }
  }

  private void collectOrphans() {
    lock.lock();
    try {
      orphans = new ArrayList<>(slots.removeAll());
      orphans.addAll(queue);
      queue.clear();
    } finally {
      lock.unlock();
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
