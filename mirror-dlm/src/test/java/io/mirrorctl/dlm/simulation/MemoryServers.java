package io.mirrorctl.dlm.simulation;

import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.CommitResult.Reason;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.StoreCounts;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.store.StoreException.Kind;
import io.mirrorctl.dlm.store.StorePath;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/**
 * The servers that keep the tree, as one: what the nodes of a simulation share.
 *
 * <p>As with real ones, a session sees the commits of others late, by its own delay, and is ended
 * some time after the servers last heard of it: mostly two thirds to eleven tenths of its timeout
 * after it fell silent, now and then no more than a third (schedule R2: a sign of life that never
 * reached the leader).
 */
public final class MemoryServers {
  /** A commit that was done. */
  public record Done(long order, long session, List<Op> ops) {}

  private static final long FIRST_ORDER = 0x1_0000_0000L;
  private static final long ORDER_STEP = 3;

  private final Simulation simulation;
  private final MemoryTree tree = new MemoryTree();
  private final Map<Long, MemorySession> sessions = new LinkedHashMap<>();
  private final List<MemoryStore> stores = new ArrayList<>();
  private final List<Consumer<Done>> observers = new ArrayList<>();
  private long lastSession;
  private long leastLatency = 50_000;
  private long mostLatency = 2_000_000;
  private boolean stopped;
  private boolean patient;
  private Optional<Kind> refusing = Optional.empty();

  public MemoryServers(Simulation simulation) {
    this.simulation = simulation;
    this.lastSession = 0x1000_0000L + simulation.random().nextInt(1 << 16);
  }

  /** How long a message is under way; one in a hundred takes up to twenty times as long. */
  public MemoryServers latency(Duration least, Duration most) {
    leastLatency = least.toNanos();
    mostLatency = most.toNanos();
    return this;
  }

  /** From here on no session ends before it was silent for all of its timeout. */
  public MemoryServers patient() {
    patient = true;
    return this;
  }

  /** How long from now until a session ends that has fallen silent, in nanoseconds. */
  long patience(long timeout) {
    if (patient) {
      return simulation.between(timeout, timeout * 11 / 10);
    }
    boolean signOfLifeLost = simulation.random().nextInt(8) == 0;
    return signOfLifeLost
        ? simulation.between(timeout / 3, timeout)
        : simulation.between(timeout * 2 / 3, timeout * 11 / 10);
  }

  /** What the servers are found to be like by who wants a session. */
  public void refuse(Optional<Kind> kind) {
    refusing = kind;
  }

  /** As {@link #connect}, for who may be refused. */
  public CompletionStage<Store> begin(SimulatedNode node, Duration sessionTimeout) {
    Optional<Kind> refusal =
        stopped
            ? Optional.of(Kind.NO_QUORUM)
            : node.isConnected() ? refusing : Optional.of(Kind.UNREACHABLE);
    return refusal.isPresent()
        ? CompletableFuture.failedFuture(
            new StoreException(refusal.get(), node + " is refused: " + refusal.get()))
        : CompletableFuture.completedFuture(connect(node, sessionTimeout));
  }

  /**
   * A new session of the node.
   *
   * @throws IllegalStateException if the servers are stopped or the node is cut off
   */
  public MemoryStore connect(SimulatedNode node, Duration sessionTimeout) {
    if (stopped || !node.isConnected()) {
      throw new IllegalStateException("node %s does not reach the servers".formatted(node));
    }
    lastSession += simulation.between(1, 1000);
    var session = new MemorySession(this, simulation, node, lastSession, sessionTimeout);
    sessions.put(lastSession, session);
    stores.add(session.store());
    return session.store();
  }

  /** No server answers, or there is no quorum; sessions do not end meanwhile. */
  public void stop() {
    stopped = true;
    List.copyOf(sessions.values()).forEach(MemorySession::cutConnection);
    sessions.values().forEach(MemorySession::silence);
  }

  /** The servers are back and give every session its whole timeout. */
  public void start() {
    stopped = false;
    sessions.values().forEach(MemorySession::silence);
  }

  boolean isStopped() {
    return stopped;
  }

  /** Ends a session at once, as the servers may at any time. */
  public void expire(long sessionId) {
    MemorySession session = sessions.get(sessionId);
    if (session != null) {
      session.end();
    }
  }

  public boolean isAlive(long sessionId) {
    return sessions.containsKey(sessionId);
  }

  /** The newest state of an entry, as no node sees it. */
  public Optional<Entry> peek(String path) {
    return tree.entry(StorePath.entry(path), tree.head());
  }

  /** The newest names below a path, as no node sees them. */
  public List<String> peekChildren(String path) {
    return tree.children(StorePath.any(path), tree.head());
  }

  /** Told of every commit at the moment it is done; also of ephemeral entries that go. */
  public void onCommit(Consumer<Done> observer) {
    observers.add(observer);
  }

  /** What all sessions together have cost. */
  public StoreCounts counts() {
    return stores.stream().map(MemoryStore::counts).reduce(StoreCounts.NONE, StoreCounts::plus);
  }

  MemoryTree tree() {
    return tree;
  }

  CommitResult commit(long session, List<Op> ops) {
    MemoryTree.Draft draft = tree.new Draft(session);
    for (int i = 0; i < ops.size(); i++) {
      Optional<Reason> reason = draft.add(ops.get(i));
      if (reason.isPresent()) {
        return new CommitResult.Refused(i, reason.get());
      }
    }
    long order = FIRST_ORDER + ORDER_STEP * draft.commit();
    var done = new Done(order, session, ops);
    observers.forEach(observer -> observer.accept(done));
    sessions.values().forEach(MemorySession::fallBehind);
    return new CommitResult.Committed(order);
  }

  void ended(long sessionId) {
    sessions.remove(sessionId);
    List<Op> deletions = new ArrayList<>();
    for (String path : tree.ephemerals(sessionId)) {
      deletions.add(new Op.Delete(path, peek(path).orElseThrow().version()));
    }
    commit(sessionId, deletions);
  }

  long latency() {
    long most = simulation.random().nextInt(100) == 0 ? 20 * mostLatency : mostLatency;
    return simulation.between(leastLatency, most);
  }
}
