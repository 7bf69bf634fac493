package io.mirrorctl.cli.nbd;

import com.google.common.base.Ticker;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.mirrorctl.cli.nbd.FenceState.Node;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Who may use the disk of a disk server (docs/protocols/fencing.md): nodes of one cluster at a
 * time, none of them once it is fenced, and clients that are no nodes.
 *
 * <p>A node that comes in a new life is fenced in all earlier ones by that. Nothing is answered
 * before it is durable, and before the victim's last request has returned from the disk.
 *
 * <p>Threading: safe from any thread; {@link #identify}, {@link #fence} and {@link #admit} block.
 */
public final class NodeFences {
  private static final System.Logger LOG = System.getLogger(NodeFences.class.getName());

  /** Far more nodes than have any business here. */
  private static final int MOST_NODES = 4096;

  private final FenceState state;
  private final UUID storage;
  private final boolean anonymousWriters;
  private final Ticker ticker;
  private final Duration limit;

  /** Guards the next two; held for a few instructions. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Condition someEnded = lock.newCondition();

  /** The highest incarnation of each node that is refused. */
  @GuardedBy("lock")
  private final SortedMap<Node, Long> fenced;

  @GuardedBy("lock")
  private final Map<Session, User> users = new HashMap<>();

  /** Guards the file. What is written was taken under it, so it never goes back. */
  private final ReentrantLock writing = new ReentrantLock();

  @GuardedBy("writing")
  private SortedMap<Node, Long> written;

  /** Whom a session belongs to; a writer unless it is a client's that was only let read. */
  private record User(Optional<NodeIdentity> node, boolean writer) {
    boolean isAnonymousWriter() {
      return node.isEmpty() && writer;
    }
  }

  private NodeFences(
      FenceState state,
      SortedMap<Node, Long> fenced,
      UUID storage,
      boolean anonymousWriters,
      Ticker ticker,
      Duration limit) {
    this.state = state;
    this.fenced = new TreeMap<>(fenced);
    this.written = new TreeMap<>(fenced);
    this.storage = storage;
    this.anonymousWriters = anonymousWriters;
    this.ticker = ticker;
    this.limit = limit;
  }

  /**
   * What an earlier server of this disk has fenced stays so.
   *
   * @param file where it is kept; made when the first node comes
   * @param storage stays the same for as long as nothing that was written is lost
   * @param anonymousWriters whether clients that are no nodes may write although nodes have used
   *     the disk, as long as none is connected
   * @param limit how long a fence waits for the victim's last requests, and a node for clients to
   *     go that are none
   * @throws IOException if the file cannot be used
   */
  public static NodeFences load(
      Path file, UUID storage, boolean anonymousWriters, Ticker ticker, Duration limit)
      throws IOException {
    var state = new FenceState(file);
    return new NodeFences(state, state.read(), storage, anonymousWriters, ticker, limit);
  }

  /** Tells clients whether what they wrote is still there: see {@link #load}. */
  UUID storage() {
    return storage;
  }

  /** A client was told no. */
  static final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    RefusedException(String message) {
      super(message);
    }
  }

  /**
   * A client says who it is. Earlier lives of the node are over.
   *
   * @throws RefusedException if it may not use the disk
   * @throws IOException if what it changes cannot be kept, or not yet be relied on
   */
  void identify(NodeIdentity who) throws RefusedException, IOException, InterruptedException {
    lock.lock();
    try {
      checkNotFenced(who);
      checkRoom(who);
    } finally {
      lock.unlock();
    }
    refuseUpTo(
        List.of(who.peer(who.node(), Math.max(0, who.incarnation() - 1))), "it is back as " + who);
  }

  /**
   * Refuses nodes from now on, each in this life and all before it.
   *
   * @throws RefusedException if it is not the asker's to say that; nobody is refused then
   * @throws IOException if it cannot be kept, or requests of a victim have not returned yet; they
   *     are refused all the same
   */
  void fence(NodeIdentity asker, List<NodeIdentity> victims)
      throws RefusedException, IOException, InterruptedException {
    for (NodeIdentity victim : victims) {
      if (!asker.cluster().equals(victim.cluster())) {
        throw new RefusedException("%s is none of your cluster's".formatted(victim));
      }
      if (asker.node() == victim.node() && victim.incarnation() >= asker.incarnation()) {
        throw new RefusedException("%s cannot fence itself".formatted(asker));
      }
    }
    lock.lock();
    try {
      checkNotFenced(asker);
      for (NodeIdentity victim : victims) {
        checkRoom(victim);
      }
    } finally {
      lock.unlock();
    }
    refuseUpTo(victims, "fenced by " + asker);
    if (victims.size() == 1) { // else a node has come, and tells of all that are gone
      LOG.log(Level.INFO, "{0} is fenced, by {1}", victims.getFirst(), asker);
    }
  }

  private void refuseUpTo(List<NodeIdentity> last, String why)
      throws IOException, InterruptedException {
    Map<Session, NodeIdentity> victims = new HashMap<>();
    lock.lock();
    try {
      for (NodeIdentity each : last) {
        long _ = fenced.merge(node(each), each.incarnation(), Math::max);
      }
      users.forEach((session, user) ->
          user.node()
              .filter(n -> last.stream().anyMatch(each -> isUpTo(n, each)))
              .ifPresent(n -> victims.put(session, n)));
    } finally {
      lock.unlock();
    }
    victims.keySet().forEach(session -> session.cut("closed, " + why, Level.INFO));
    keep();
    long until = ticker.read() + limit.toNanos();
    for (Map.Entry<Session, NodeIdentity> victim : victims.entrySet()) {
      if (!victim.getKey().awaitOver(until - ticker.read())) {
        throw new IOException("requests of %s are still in the disk".formatted(victim.getValue()));
      }
    }
  }

  private void keep() throws IOException {
    writing.lock();
    try {
      SortedMap<Node, Long> now;
      lock.lock();
      try {
        now = new TreeMap<>(fenced);
      } finally {
        lock.unlock();
      }
      if (!now.equals(written)) {
        state.write(now);
        written = now;
      }
    } catch (IOException e) {
      throw new IOException("%s cannot be written: %s".formatted(state.file(), e), e);
    } finally {
      writing.unlock();
    }
  }

  private static boolean isUpTo(NodeIdentity who, NodeIdentity last) {
    return node(who).equals(node(last)) && who.incarnation() <= last.incarnation();
  }

  private static Node node(NodeIdentity who) {
    return new Node(who.cluster(), who.node());
  }

  @GuardedBy("lock")
  private void checkNotFenced(NodeIdentity who) throws RefusedException {
    Long last = fenced.get(node(who));
    if (last != null && who.incarnation() <= last) {
      throw new RefusedException("%s is fenced here: up to incarnation %d".formatted(who, last));
    }
  }

  @GuardedBy("lock")
  private void checkRoom(NodeIdentity who) throws RefusedException {
    if (fenced.size() >= MOST_NODES && !fenced.containsKey(node(who))) {
      throw new RefusedException(
          "%d nodes have used the disk, more are not kept; remove %s"
              .formatted(MOST_NODES, state.file()));
    }
  }

  /** Whether such a client is only let read, as it cannot be fenced. */
  boolean isReadOnlyFor(Optional<NodeIdentity> client) {
    lock.lock();
    try {
      return client.isEmpty()
          && (anyNode().isPresent() || (!fenced.isEmpty() && !anonymousWriters));
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private Optional<NodeIdentity> anyNode() {
    return users.values().stream().flatMap(user -> user.node().stream()).findAny();
  }

  /**
   * Counts a session in, until {@link #ended}. A node waits a while for clients to go that are
   * none: most only look.
   *
   * @param writer whether it was told that it may write
   * @param nanos how long it may wait
   * @return why not; null if it is
   */
  @Nullable String admit(Session session, Optional<NodeIdentity> client, boolean writer, long nanos)
      throws InterruptedException {
    lock.lock();
    try {
      long left = Math.min(nanos, limit.toNanos());
      while (client.isPresent() && anyAnonymousWriter() && left > 0) {
        left = someEnded.awaitNanos(left);
      }
      String obstacle =
          client.isPresent() ? obstacle(client.get()) : anonymousObstacle(writer).orElse(null);
      if (obstacle == null) {
        users.put(session, new User(client, writer));
      }
      return obstacle;
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private boolean anyAnonymousWriter() {
    return users.values().stream().anyMatch(User::isAnonymousWriter);
  }

  @GuardedBy("lock")
  private @Nullable String obstacle(NodeIdentity client) {
    try {
      checkNotFenced(client);
    } catch (RefusedException e) {
      return e.getMessage();
    }
    if (anyAnonymousWriter()) {
      return "a client that is no node of a cluster has it open for writing";
    }
    return users.values().stream()
        .flatMap(user -> user.node().stream())
        .filter(other -> !other.cluster().equals(client.cluster()))
        .findAny()
        .map(other -> "%s has it in use".formatted(other))
        .orElse(null);
  }

  @GuardedBy("lock")
  private Optional<String> anonymousObstacle(boolean writer) {
    return writer ? anyNode().map(n -> "%s has just come".formatted(n)) : Optional.empty();
  }

  /** The session has no thread any more. */
  void ended(Session session) {
    lock.lock();
    try {
      users.remove(session);
      someEnded.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
