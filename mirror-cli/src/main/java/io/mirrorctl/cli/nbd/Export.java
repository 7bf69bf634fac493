package io.mirrorctl.cli.nbd;

import com.google.common.base.Ticker;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceFeature;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A device under its name, and the sessions that use it.
 *
 * <p>A client that lost its connection and comes back must not meet its own old writes again: so a
 * new session is admitted only when no session that ended has a change under way, and when it is
 * sure of each other session that its client had not gone by then. Sessions of other nodes, where
 * clients say which they are, do not matter.
 *
 * <p>Not covered: a client whose end never arrives, because its host or the network died. Its
 * session looks idle until keepalive gives it up.
 *
 * <p>Threading: safe from any thread.
 */
final class Export {
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private final String name;
  private final BlockDevice device;
  private final String description;

  /** Guards what follows. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Condition someEnded = lock.newCondition();

  /** Those admitted whose threads have not all left. */
  private final Set<Session> sessions = new HashSet<>();

  private boolean closed;

  Export(String name, BlockDevice device, String description) {
    this.name = name;
    this.device = device;
    this.description = description;
  }

  String name() {
    return name;
  }

  BlockDevice device() {
    return device;
  }

  String description() {
    return description;
  }

  /**
   * What clients are told the device can do.
   *
   * @param structured whether the client takes structured replies
   * @param readOnly whether this client may only read
   */
  int transmissionFlags(boolean structured, boolean readOnly) {
    Set<DeviceFeature> features = device.features();
    int flags = Nbd.FLAG_HAS_FLAGS | Nbd.FLAG_SEND_FLUSH | Nbd.FLAG_SEND_FUA | Nbd.FLAG_SEND_CACHE;
    if (structured) {
      flags |= Nbd.FLAG_SEND_DF;
    }
    if (features.contains(DeviceFeature.SHARED_FLUSH)) {
      flags |= Nbd.FLAG_CAN_MULTI_CONN;
    }
    if (readOnly || features.contains(DeviceFeature.READ_ONLY)) {
      return flags | Nbd.FLAG_READ_ONLY;
    }
    flags |= Nbd.FLAG_SEND_WRITE_ZEROES;
    if (features.contains(DeviceFeature.FAST_ZEROES)) {
      flags |= Nbd.FLAG_SEND_FAST_ZERO;
    }
    if (features.contains(DeviceFeature.DISCARD)
        && features.contains(DeviceFeature.DISCARD_ZEROES)) {
      flags |= Nbd.FLAG_SEND_TRIM;
    }
    return flags;
  }

  /**
   * The sizes clients are told.
   *
   * @param maxRequest bytes; longer requests than the device takes are served in pieces
   */
  BlockSizes advertisedSizes(int maxRequest) {
    BlockSizes sizes = device.blockSizes();
    int preferred = Math.max(512, sizes.preferred());
    int maximum = Math.max(preferred, maxRequest & -sizes.minimum());
    return new BlockSizes(sizes.minimum(), preferred, maximum);
  }

  /** What keeps a new session out, or null if it may begin. */
  private @Nullable String obstacle(Session candidate, long arrival) {
    for (Session session : sessions) {
      if (!session.client().equals(candidate.client())) {
        continue; // another node, which sends its own requests again and no others
      }
      if (session.isEnding()) {
        if (session.isChanging()) {
          return "writes of a closed connection are still under way";
        }
      } else if (!session.line().wasOpenAfter(arrival)) {
        session.line().askWhetherOpen();
        return "another connection is so busy that it cannot be seen whether its client is there";
      }
    }
    return null;
  }

  /**
   * Waits until a new session may begin, and counts it in.
   *
   * @param arrival when its client connected, by the ticker
   * @param nanos how long to wait
   * @return why it may not begin; null if it may
   */
  @Nullable String admit(Session session, long arrival, long nanos) throws InterruptedException {
    Ticker ticker = session.ticker();
    long until = ticker.read() + nanos;
    lock.lock();
    try {
      while (true) {
        if (closed) {
          return "the export is being closed";
        }
        String obstacle = obstacle(session, arrival);
        if (obstacle == null) {
          sessions.add(session);
          return null;
        }
        if (ticker.read() - until >= 0) {
          return obstacle;
        }
        var _ = someEnded.awaitNanos(POLL_NANOS);
      }
    } finally {
      lock.unlock();
    }
  }

  /** The session has no thread any more. */
  void ended(Session session) {
    lock.lock();
    try {
      sessions.remove(session);
      someEnded.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** See {@link NbdExports#remove(String, Duration)}. */
  void close(Duration drain) throws InterruptedException {
    List<Session> all;
    lock.lock();
    try {
      closed = true;
      all = List.copyOf(sessions);
    } finally {
      lock.unlock();
    }
    endAll(all, drain);
  }

  /** Ends sessions: what was read is finished, as far as the time allows. */
  static void endAll(List<Session> all, Duration drain) throws InterruptedException {
    if (all.isEmpty()) {
      return;
    }
    all.forEach(Session::drain);
    try {
      Ticker ticker = all.getFirst().ticker();
      long until = ticker.read() + drain.toNanos();
      for (Session session : all) {
        session.awaitAnswered(until - ticker.read());
      }
    } finally {
      all.forEach(session -> session.cut("closed by the server", Level.DEBUG));
    }
    for (Session session : all) {
      session.awaitOver();
    }
  }
}
