package io.mirrorctl.cli.nbd;

import com.google.common.base.Ticker;
import io.mirrorctl.core.block.AlignedBuffers;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A connection in the transmission phase: requests in, replies out, in any order.
 *
 * <p>Ends in one of two ways. <em>Cut</em>: the peer is gone or broke the protocol, or time is up;
 * the socket is closed, changes not yet begun are given up, and what is in the device is waited
 * for. <em>Drained</em>: the client said goodbye, or its export is taken away; every request that
 * was read is finished and answered first.
 *
 * <p>Threading: {@link #serve} is called once and returns when its thread is not needed any more,
 * which may be before the session is over; the other methods are safe from anywhere.
 */
final class Session implements Crew.Duty<Request>, Outbox.Fate, Watch.Watched {
  private static final System.Logger LOG = System.getLogger(Session.class.getName());

  private enum State {
    OPEN,
    /** What was read is finished, what is read from now on is refused. */
    DRAINING,
    /** Nothing is begun any more. */
    CUT
  }

  private final String name;
  private final Transport transport;
  private final RequestReader reader;
  private final Patience arriving;
  private final Patience leaving;
  private final Commands commands;
  private final ReplyBatch replies;
  private final Outbox outbox;
  private final Crew<Request> crew;
  private final Pace pace = new Pace();
  private final AlignedBuffers memory;
  private final ByteBudget.Share share;
  private final Watch watch;
  private final Ticker ticker;
  private final int mostInFlight;
  private final Runnable whenOver;
  private final Optional<NodeIdentity> client;

  private final AtomicReference<State> state = new AtomicReference<>(State.OPEN);

  /** Requests read and not yet answered. */
  private final AtomicInteger inFlight = new AtomicInteger();

  /** Those of them that came before the end of this session was in sight. */
  private final AtomicInteger due = new AtomicInteger();

  /** Changes of the device that were read and have not ended there. */
  private final AtomicInteger changes = new AtomicInteger();

  /** Guards the waiting for these to fall, and for the end. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Condition progress = lock.newCondition();
  private volatile boolean somebodyWaits;
  private boolean over;

  /**
   * @param name of peer and export, for people
   * @param input what of the stream has been read already
   * @param whenOver runs when the last thread has left and the socket is closed
   */
  Session(
      String name,
      Transport transport,
      Input input,
      Negotiated agreed,
      Resources server,
      Runnable whenOver) {
    this.name = name;
    this.transport = transport;
    this.memory = server.memory();
    this.share = server.budget().share();
    this.watch = server.watch();
    this.mostInFlight = server.config().requestsPerConnection();
    this.whenOver = whenOver;
    this.client = agreed.client();
    this.ticker = server.env().ticker();
    this.arriving = new Patience(ticker, server.config().stallLimit());
    this.leaving = new Patience(ticker, server.config().stallLimit());
    this.reader = new RequestReader(input, agreed.rules(), memory, share, arriving);
    this.commands = new Commands(agreed.rules().device(), memory, agreed.structured());
    this.replies = new ReplyBatch(agreed.structured(), Negotiation.CONTEXT_ID, memory);
    this.outbox = new Outbox(transport, replies, this);
    this.crew =
        new Crew<>(this, "nbd " + name, server.env().io(), mostInFlight, server.extraThreads());
  }

  @Override
  public String toString() {
    return name;
  }

  /** Serves requests in the calling thread, and in more where that helps. */
  void serve() {
    watch.add(this);
    crew.lead();
  }

  /** Gives back what it holds; called instead of {@link #serve} for one that was not admitted. */
  void abandon() {
    replies.close();
  }

  /** Whether this session takes no further requests. */
  boolean isEnding() {
    return state.get() != State.OPEN;
  }

  /** Whether a change of the device is under way or about to be made. */
  boolean isChanging() {
    return changes.get() > 0;
  }

  Line line() {
    return transport.line();
  }

  /** Refuses what comes from now on; what was read before goes on. */
  void drain() {
    state.compareAndSet(State.OPEN, State.DRAINING);
  }

  /** Ends the session now: nothing is begun any more, the socket is closed. */
  void cut(String why, Level level) {
    if (state.getAndSet(State.CUT) == State.CUT) {
      return;
    }
    LOG.log(level, "nbd {0}: {1}", name, why);
    transport.abort();
    crew.dismiss(true);
    signal();
  }

  /** Waits until every request read before is answered; false if the time was not enough. */
  boolean awaitAnswered(long nanos) throws InterruptedException {
    return await(nanos, false);
  }

  /** Waits until the last thread has left. */
  void awaitOver() throws InterruptedException {
    await(Long.MAX_VALUE, true);
  }

  /** Waits until the last thread has left; false if the time was not enough. */
  boolean awaitOver(long nanos) throws InterruptedException {
    return await(nanos, true);
  }

  /** Who the client is, if it said so. */
  Optional<NodeIdentity> client() {
    return client;
  }

  Ticker ticker() {
    return ticker;
  }

  private boolean await(long nanos, boolean untilOver) throws InterruptedException {
    lock.lock();
    try {
      long left = nanos;
      while (true) {
        somebodyWaits = true;
        if (over || (!untilOver && due.get() == 0)) {
          return true;
        }
        if (left <= 0) {
          return false;
        }
        left = progress.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public @Nullable Request next() {
    try {
      if (inFlight.get() >= mostInFlight) {
        awaitRoom();
      }
      if (state.get() == State.CUT) {
        return null;
      }
      Request request = reader.next();
      if (request == null) {
        cut("client closed the connection", Level.DEBUG);
        return null;
      }
      if (request.type() == Nbd.CMD_DISC) {
        LOG.log(Level.DEBUG, "nbd {0}: client said goodbye", name);
        state.compareAndSet(State.OPEN, State.DRAINING);
        crew.dismiss(false);
        return null;
      }
      return begin(request);
    } catch (ProtocolViolation e) {
      cut("closed, this is not NBD: " + e.getMessage(), Level.WARNING);
    } catch (IOException e) {
      cut("connection lost: " + e, Level.DEBUG);
    } catch (InterruptedException e) {
      // only the end of the session interrupts
      cut("interrupted", Level.DEBUG);
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "nbd " + name, e);
      cut("internal error", Level.ERROR);
    }
    return null;
  }

  /** Counts the request in; whoever ends the session from now on sees it, or is seen here. */
  private @Nullable Request begin(Request request) {
    inFlight.incrementAndGet();
    due.incrementAndGet();
    if (request.modifies()) {
      changes.incrementAndGet();
    }
    return switch (state.get()) {
      case OPEN -> request;
      case DRAINING -> {
        giveUp(request);
        notDue();
        yield request.refused(Fault.SHUTDOWN);
      }
      case CUT -> {
        giveUp(request);
        inFlight.decrementAndGet();
        notDue();
        yield null;
      }
    };
  }

  /** Gives back what a request holds that will not be executed. */
  private void giveUp(Request request) {
    if (request.modifies()) {
      changes.decrementAndGet();
    }
    if (request.payload() != null) {
      memory.release(request.payload());
    }
    share.give(request.reserved());
  }

  @Override
  public boolean expectMore() {
    Line line = transport.line();
    boolean more = pace.expectMore(inFlight.get() - 1, reader.moreArrived(), line.lastArrival());
    line.readPatiently(!more);
    if (!more) {
      watch.attention();
    }
    return more;
  }

  @Override
  public void execute(Request request) {
    try {
      outbox.send(replyTo(request));
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "nbd " + name, e);
      cut("internal error", Level.ERROR);
    }
  }

  private Reply replyTo(Request request) {
    if (request.fault() != null) {
      share.give(request.reserved());
      return new Reply.Failed(request, request.fault());
    }
    if (state.get() == State.CUT) {
      giveUp(request);
      return new Reply.Failed(request, Fault.SHUTDOWN);
    }
    Reply reply = commands.execute(request);
    if (request.modifies()) {
      changes.decrementAndGet();
    }
    if (!(reply instanceof Reply.Data)) {
      share.give(request.reserved());
    }
    return reply;
  }

  @Override
  public void gone(Reply reply) {
    if (reply instanceof Reply.Data data) {
      memory.release(data.payload());
      share.give(data.request().reserved());
    }
    inFlight.decrementAndGet();
    if (Fault.SHUTDOWN.equals(reply.request().fault())) {
      signalIfAwaited();
    } else {
      notDue();
    }
  }

  @Override
  public void writing(long bytes) {
    if (bytes > 0) {
      leaving.begin(bytes);
    } else {
      leaving.end();
    }
  }

  @Override
  public void broken(IOException cause) {
    cut("reply not taken: " + cause, Level.DEBUG);
  }

  @Override
  public void look(long now) {
    if (arriving.isOver(now)) {
      cut("closed, client stopped in the middle of a request", Level.WARNING);
    } else if (leaving.isOver(now)) {
      cut("closed, client does not take its replies", Level.WARNING);
    } else {
      crew.callIfStuck();
    }
  }

  /** The last thread has left. */
  @Override
  public void over() {
    try {
      outbox.discard();
      replies.close();
      if (state.get() == State.DRAINING) {
        leaving.begin(0);
        transport.close();
      }
    } finally {
      transport.abort();
      watch.remove(this);
      lock.lock();
      try {
        over = true;
        progress.signalAll();
      } finally {
        lock.unlock();
      }
      whenOver.run();
    }
  }

  private void notDue() {
    due.decrementAndGet();
    signalIfAwaited();
  }

  private void signalIfAwaited() {
    if (somebodyWaits) {
      signal();
    }
  }

  private void signal() {
    lock.lock();
    try {
      somebodyWaits = false;
      progress.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void awaitRoom() throws InterruptedException {
    lock.lock();
    try {
      somebodyWaits = true;
      while (inFlight.get() >= mostInFlight && state.get() != State.CUT) {
        progress.await();
        somebodyWaits = true;
      }
    } finally {
      lock.unlock();
    }
    if (state.get() == State.CUT) {
      throw new InterruptedException();
    }
  }
}
