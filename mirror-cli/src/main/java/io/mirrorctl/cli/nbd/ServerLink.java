package io.mirrorctl.cli.nbd;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.mirrorctl.cli.nbd.NbdRequest.Failure;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.FencingDevice;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Keeps a session with the server, renews it when it is lost, and decides what becomes of the
 * requests under way.
 *
 * <p>When a session is lost and the server had answered writes that no flush covers, then it may
 * have forgotten them: every request fails with {@link IoFailure#VOLATILE_LOSS} until {@link
 * #acknowledgeLoss}. So they do at every loss of a session if the device is shared, as other nodes
 * have written too. A server that says what storage it has, as our disk server does, has lost
 * nothing as long as that is the same. Otherwise requests wait for the next session and are sent
 * again, which is harmless for all of them. After the retry limit they fail, and so do new ones at
 * once, but the search for the server goes on.
 *
 * <p>Threading: {@link #submit} and the accessors from any thread. One thread, the keeper, waits
 * for the end of a session and makes the next one. {@code lock} guards all state and is not held
 * while anything waits; sessions are asked to do things outside of it.
 */
final class ServerLink {
  private static final System.Logger LOG = System.getLogger(NbdDevice.class.getName());

  private static final Failure CLOSED = new Failure(IoFailure.CLOSED, "the device is closed");

  private static final Failure LOSS =
      new Failure(
          IoFailure.VOLATILE_LOSS,
          "the connection was lost after the server had answered writes that were not flushed;"
              + " it may have lost them");

  private static final Failure SHARED_LOSS =
      new Failure(
          IoFailure.VOLATILE_LOSS,
          "the connection was lost; the server may have lost writes, of this node or of others");

  private static final Failure STORAGE_LOSS =
      new Failure(
          IoFailure.VOLATILE_LOSS,
          "the server's host was restarted; it may have lost writes that were not flushed");

  private final ClientSession.Setup setup;
  private final UnflushedWrites unflushed;
  private final Env env;
  private final String name;
  private final ServerExport export;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** The session that takes requests; null while there is none or it may not be used. */
  private volatile ClientSession open;

  /** The present session, whether or not it may be used; null between two. */
  @GuardedBy("lock")
  private ClientSession session;

  /** Requests that wait for a session, oldest first. */
  @GuardedBy("lock")
  private List<NbdRequest> parked = new ArrayList<>();

  /** Why answered writes may be lost, if so and nobody has acknowledged that. */
  @GuardedBy("lock")
  private Failure loss;

  /** What the server of the last session had, if it tells. */
  @GuardedBy("lock")
  private Optional<UUID> storage;

  @GuardedBy("lock")
  private final Outage outage;

  @GuardedBy("lock")
  private long reconnects;

  @GuardedBy("lock")
  private boolean closing;

  /** The keeper, while it is trying to connect and may be interrupted. */
  @GuardedBy("lock")
  private Thread connecting;

  @GuardedBy("lock")
  private boolean keeperEnded;

  private ServerLink(ClientSession.Setup setup, ClientSession first) {
    this.setup = setup;
    this.unflushed = setup.unflushed();
    this.env = setup.env();
    this.name = setup.uri().toString();
    this.export = first.export();
    this.outage = new Outage(env.ticker(), setup.config().retryLimit());
    this.session = first;
    this.storage = export.storage();
    this.open = first;
  }

  /** Connects for the first time; that is not retried. */
  static ServerLink open(NbdUri uri, NbdClientConfig config, Env env) throws IOException {
    var setup = new ClientSession.Setup(uri, config, new UnflushedWrites(), new OwedFences(), env);
    Deadline deadline = Deadline.in(config.connectTimeout(), env.ticker());
    var first = ClientSession.open(setup, Optional.empty(), deadline);
    var link = new ServerLink(setup, first);
    env.io().execute(() -> link.keep(first));
    return link;
  }

  /** What the server agreed to first, and still does in every later session. */
  ServerExport export() {
    return export;
  }

  // ---- for users ---------------------------------------------------------------------------

  /** Sees to it that the request ends, now or later, in whatever way. */
  void submit(NbdRequest request) {
    while (true) {
      ClientSession now = open;
      if (now != null && now.submit(request)) {
        return;
      }
      lock.lock();
      try {
        Failure refusal = closing ? CLOSED : loss != null ? loss : outage.verdict();
        if (refusal != null) {
          request.fail(refusal);
          return;
        }
        if (open == now || open == null) {
          // the keeper has not noticed the end of the session yet, or there is no session
          parked.add(request);
          return;
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /** Refuses if the device is closed. */
  void checkOpen(String device) throws DeviceException {
    lock.lock();
    try {
      if (closing) {
        throw new DeviceException(IoFailure.CLOSED, device + ": " + CLOSED.text());
      }
    } finally {
      lock.unlock();
    }
  }

  /** Takes a request back that no server has seen; false if it is too late for that. */
  boolean withdraw(NbdRequest request) {
    lock.lock();
    try {
      return parked.contains(request) && !request.maybeSent() && parked.remove(request);
    } finally {
      lock.unlock();
    }
  }

  /** See {@link io.mirrorctl.core.block.VolatileDevice#acknowledgeLoss}. */
  void acknowledgeLoss() {
    lock.lock();
    try {
      if (loss != null) {
        // nothing was served since the loss, so this forgets just what may be lost
        unflushed.forget();
        loss = null;
        admit();
      }
    } finally {
      lock.unlock();
    }
  }

  /** See {@link FencingDevice#fence}. */
  FencingDevice.Fence fence(Map<Integer, Long> nodes) throws IOException {
    Optional<NodeIdentity> self = setup.config().node();
    if (self.isEmpty() || export.storage().isEmpty()) {
      return FencingDevice.Fence.NOT_POSSIBLE;
    }
    List<NodeIdentity> victims = self.get().peers(nodes);
    setup.owed().add(nodes);
    try {
      tellToRefuse(victims, self.get());
      setup.owed().paid(victims);
      return FencingDevice.Fence.DONE;
    } catch (InterruptedIOException e) {
      throw e;
    } catch (IOException e) {
      breakOff("%s: a dead node is to be refused first: %s".formatted(name, Outage.words(e)));
      return FencingDevice.Fence.BEFORE_USE;
    }
  }

  /** See {@link FencingDevice#fenceFirst}. */
  void fenceFirst(Map<Integer, Long> nodes) {
    boolean knows = setup.config().node().isPresent() && export.storage().isPresent();
    if (knows && setup.owed().addNew(nodes)) {
      breakOff(name + ": a dead node is to be refused first");
    }
  }

  /** The next session tells the server whom to refuse before it takes a request. */
  private void breakOff(String why) {
    ClientSession present;
    lock.lock();
    try {
      present = session;
    } finally {
      lock.unlock();
    }
    if (present != null) {
      // not GONE, with which a session ends in order: what the server has not read must not arrive
      present.breakOff(new DeviceException(IoFailure.OTHER, why));
    }
  }

  private void tellToRefuse(List<NodeIdentity> victims, NodeIdentity self) throws IOException {
    Deadline deadline = Deadline.in(setup.config().connectTimeout(), env.ticker());
    ClientSocket socket = ClientSocket.connect(setup.uri().address(), deadline);
    try {
      NbdClientTls tls = setup.config().tls();
      if (!ClientHandshake.fence(socket, setup.uri(), tls, self, victims, deadline)) {
        throw new DeviceException(
            IoFailure.NOT_SUPPORTED, "the server no longer knows its clients");
      }
    } finally {
      socket.abort();
    }
  }

  NbdStatus status() {
    lock.lock();
    try {
      NbdStatus.Connection connection =
          closing
              ? NbdStatus.Connection.CLOSED
              : session != null
                  ? NbdStatus.Connection.CONNECTED
                  : outage.verdict() != null
                      ? NbdStatus.Connection.GONE
                      : NbdStatus.Connection.RECONNECTING;
      String text = session != null ? "" : outage.words();
      return new NbdStatus(connection, text, loss != null, reconnects);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Lets requests end that the server has, fails the others, says goodbye and returns when all
   * threads have ended. An interrupt cuts the waiting for the server short.
   */
  void close() {
    ClientSession last;
    lock.lock();
    try {
      closing = true;
      last = session;
      admit();
      failParked(CLOSED);
      if (connecting != null) {
        connecting.interrupt();
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (last != null) {
      last.finish();
    }
    awaitKeeper(last);
  }

  private void awaitKeeper(ClientSession last) {
    boolean interrupted = false;
    lock.lock();
    try {
      while (!keeperEnded) {
        try {
          changed.await();
        } catch (InterruptedException e) {
          interrupted = true;
          if (last != null) {
            last.breakOff(new DeviceException(IoFailure.CLOSED, "closed in a hurry"));
          }
        }
      }
    } finally {
      lock.unlock();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  // ---- the keeper --------------------------------------------------------------------------

  private void keep(ClientSession first) {
    Thread thread = Thread.currentThread();
    String idleName = thread.getName();
    thread.setName("nbd-keeper " + name);
    var backoff = new Backoff(env.random());
    try {
      ClientSession present = first;
      while (present != null) {
        long since = env.ticker().read();
        present.awaitEnd();
        backoff.ended(env.ticker().read() - since, present.answeredAny());
        present = takeApart(present, present == first) ? reconnect(backoff) : null;
      }
    } finally {
      thread.setName(idleName);
      lock.lock();
      try {
        closing = true;
        admit();
        failParked(CLOSED);
        keeperEnded = true;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  /** Decides about all requests of a session that has ended; false if it was the last one. */
  private boolean takeApart(ClientSession ended, boolean first) {
    lock.lock();
    try {
      session = null;
      admit();
      List<NbdRequest> left = new ArrayList<>(ended.orphans());
      boolean ofUse = first || ended.answeredAny() || left.isEmpty();
      outage.sessionEnded(ofUse, left, ended.reason());
      left.addAll(parked);
      parked = left;
      if (closing) {
        failParked(CLOSED);
        return false;
      }
      log(Level.WARNING, "connection lost, requests under way: " + left.size());
      if (storage.isEmpty() && setup.config().node().isPresent()) {
        lost(SHARED_LOSS);
      } else if (storage.isEmpty() && unflushed.exist()) {
        lost(LOSS);
      } // else the next session shows it
      giveUpIfLate();
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Finds the server again; null if the device was closed instead. */
  private ClientSession reconnect(Backoff backoff) {
    while (pause(backoff.pauseNanos())) {
      Deadline full = Deadline.in(setup.config().connectTimeout(), env.ticker());
      Deadline deadline = full.orEarlier(retryDeadline(full));
      try {
        ClientSession next = ClientSession.open(setup, Optional.of(export), deadline);
        if (install(next)) {
          return next;
        }
      } catch (IOException e) {
        backoff.failed();
        attemptFailed(e, deadline.equals(full));
      } catch (RuntimeException e) {
        // a bug, but the members of an array must not hang on it
        backoff.failed();
        attemptFailed(new IOException("connecting failed in an unforeseen way: " + e, e), true);
      }
    }
    return null;
  }

  /** Waits before an attempt, and lets no request wait beyond the limit; false if closed. */
  private boolean pause(long nanos) {
    long until = env.ticker().read() + nanos;
    lock.lock();
    try {
      while (!closing) {
        giveUpIfLate();
        long now = env.ticker().read();
        long left = until - now;
        if (left <= 0) {
          connecting = Thread.currentThread();
          return true;
        }
        if (outage.verdict() == null) {
          left = Math.min(left, outage.deadline().atNanos() - now);
        }
        try {
          var _ = changed.awaitNanos(left);
        } catch (InterruptedException e) {
          // this thread belongs to the link, which has another way to end it
        }
      }
      return false;
    } finally {
      lock.unlock();
    }
  }

  /** When the requests that wait now must fail; without limit once they do so at once. */
  private Deadline retryDeadline(Deadline withoutLimit) {
    lock.lock();
    try {
      return outage.verdict() != null ? withoutLimit : outage.deadline();
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private void connectingIsOver() {
    connecting = null;
    // an interrupt that came too late must not hit what comes next
    var _ = Thread.interrupted();
  }

  private void attemptFailed(IOException e, boolean hadFullTime) {
    lock.lock();
    try {
      connectingIsOver();
      boolean news = outage.attemptFailed(e, hadFullTime);
      log(news ? Level.INFO : Level.DEBUG, "cannot connect again yet");
      if (e instanceof ClientSession.IncompatibleException && outage.verdict() == null) {
        outage.giveUp(new Failure(IoFailure.GONE, Outage.words(e), e));
        failParked(outage.verdict());
      }
      giveUpIfLate();
    } finally {
      lock.unlock();
    }
  }

  /** Begins to use a session; false if the server has to refuse somebody first. */
  private boolean install(ClientSession next) {
    List<NbdRequest> waiting;
    boolean unwanted;
    lock.lock();
    try {
      connectingIsOver();
      if (setup.owed().any() && !closing) {
        // it has come up since this session told the server whom to refuse
        next.breakOff(new DeviceException(IoFailure.CLOSED, "not used"));
        return false;
      }
      session = next;
      Optional<UUID> now = next.export().storage();
      if (!storage.equals(now)) {
        storage = now;
        lost(STORAGE_LOSS);
      }
      admit();
      waiting = parked;
      parked = new ArrayList<>();
      outage.connected();
      reconnects++;
      unwanted = closing;
    } finally {
      lock.unlock();
    }
    LOG.log(Level.INFO, () -> name + ": connected again");
    waiting.forEach(this::submit);
    if (unwanted) {
      next.finish();
    }
    return true;
  }

  @GuardedBy("lock")
  private void giveUpIfLate() {
    if (outage.givesUp()) {
      log(Level.WARNING, "given up for now, requests that fail: " + parked.size());
      failParked(outage.verdict());
    }
  }

  @GuardedBy("lock")
  private void lost(Failure why) {
    loss = why;
    failParked(why);
  }

  @GuardedBy("lock")
  private void failParked(Failure why) {
    parked.forEach(request -> request.fail(why));
    parked.clear();
  }

  /** Lets requests in if there is a session and nothing stands against it. */
  @GuardedBy("lock")
  private void admit() {
    open = closing || loss != null ? null : session;
  }

  @GuardedBy("lock")
  private void log(Level level, String what) {
    LOG.log(level, "{0}: {1}: {2}", name, what, outage.words());
  }
}
