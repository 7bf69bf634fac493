package io.mirrorctl.dlm.lock;

import io.mirrorctl.core.env.Invariant;
import io.mirrorctl.dlm.simulation.MemoryServers;
import io.mirrorctl.dlm.simulation.MemoryStore;
import io.mirrorctl.dlm.simulation.SimulatedNode;
import io.mirrorctl.dlm.simulation.Simulation;
import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.Store;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;

/** Simulated nodes with lockspaces, and a membership that knows everything. */
final class LockRig {
  static final LockspaceSettings SETTINGS = new LockspaceSettings(16, Map.of("uuid", "1"));

  private static final Duration LONG = Duration.ofMinutes(5);

  /** An entry that never changes. */
  static final String ALWAYS = "/always";

  final Simulation simulation;
  final MemoryServers servers;
  final List<RigNode> nodes = new ArrayList<>();

  /** What stands between the lock manager and its store. */
  UnaryOperator<Store> between = UnaryOperator.identity();

  /** What is asked for. */
  Duration session = Duration.ofSeconds(10);

  /** How late a node may hear that the cluster's view has changed. */
  Duration slowestNews = Duration.ZERO;

  private final MemoryStore membership;
  private final Set<Long> view = new HashSet<>();
  private long nextIncarnation = 1;
  private int nodeCount;

  LockRig(long seed) {
    simulation = new Simulation(seed);
    servers = new MemoryServers(simulation);
    membership = servers.connect(simulation.node("membership"), Duration.ofDays(1));
    await(membership.commit(List.of(new Op.Create(ALWAYS, Bytes.EMPTY, Op.Life.PERSISTENT))));
  }

  /** A node that is in the cluster, but in no lockspace. */
  RigNode node() {
    RigNode node = new RigNode(this, nodeCount++);
    node.enter();
    // the next incarnation and the view that has it are told together
    node.incarnation = nextIncarnation++;
    nodes.add(node);
    view.add(node.incarnation());
    tellView();
    return node;
  }

  /** A node that has joined. */
  RigNode member() {
    RigNode node = node();
    node.lockspace = ((JoinOutcome.Joined) await(node.join(SETTINGS))).lockspace();
    return node;
  }

  /** The incarnation is dead and its lease over: everybody is told, in its own time. */
  void gone(RigNode node) {
    if (view.remove(node.incarnation())) {
      node.leaseIsOver = true;
      tellView();
    }
  }

  boolean isGone(RigNode node) {
    return !view.contains(node.incarnation());
  }

  void kill(RigNode node) {
    node.node.kill();
    gone(node);
  }

  private void tellView() {
    Set<Long> now = Set.copyOf(view);
    long next = nextIncarnation;
    for (RigNode node : nodes) {
      long late = simulation.random().nextLong(slowestNews.toNanos() + 1);
      node.newsAt = Math.max(node.newsAt, simulation.nanos() + late);
      simulation.after(
          Duration.ofNanos(node.newsAt - simulation.nanos()),
          () -> node.node.loop().execute(() -> node.sees(now, next)));
    }
  }

  <T> T await(CompletableFuture<T> future) {
    if (!simulation.runUntil(future::isDone, LONG)) {
      throw new AssertionError(simulation + ": no outcome after " + LONG);
    }
    return future.join();
  }

  /** Until nothing of what was begun is under way. */
  void settle() {
    simulation.run(Duration.ofSeconds(3));
  }

  /** A node and what its lockspace tells it. */
  static final class RigNode implements Standing, LockspaceListener {
    final SimulatedNode node;
    final MemoryStore store;
    final List<String> told = new ArrayList<>();
    Lockspace lockspace;
    boolean leaseIsOver;
    boolean overturned;

    private final LockRig rig;
    private long incarnation;
    private final int number;
    private Set<Long> view = Set.of();
    private long nextIncarnation;
    private long newsAt;

    RigNode(LockRig rig, int number) {
      this.rig = rig;
      this.number = number;
      node = rig.simulation.node("n" + number);
      store = rig.servers.connect(node, rig.session);
    }

    private String path() {
      return "/member-" + number;
    }

    private void enter() {
      rig.await(store.commit(List.of(new Op.Create(path(), Bytes.EMPTY, Op.Life.EPHEMERAL))));
    }

    CompletableFuture<JoinOutcome> join(LockspaceSettings settings) {
      return join(settings, this);
    }

    CompletableFuture<JoinOutcome> join(LockspaceSettings settings, LockspaceListener listener) {
      return Lockspace.join(
          new Lockspace.Node(rig.between.apply(store), node.loop(), node.env(), this),
          "space",
          settings,
          listener);
    }

    private void sees(Set<Long> now, long next) {
      view = now;
      nextIncarnation = next;
      if (lockspace != null) {
        lockspace.nodesGone();
      }
    }

    /** Ejects this node: from the moment of the answer on its commits fail. */
    CompletableFuture<CommitResult> poison() {
      return rig.membership.commit(List.of(new Op.Put(path(), Bytes.utf8("poison"), 0)));
    }

    LockOutcome convert(Lock lock, LockRequest request) {
      return rig.await(lock.convert(request));
    }

    Grant grant(Lock lock, LockMode mode) {
      return grant(lock, LockRequest.to(mode));
    }

    Grant grant(Lock lock, LockRequest request) {
      return ((LockOutcome.Granted) convert(lock, request)).grant();
    }

    @Override
    public int node() {
      return number;
    }

    @Override
    public long incarnation() {
      return incarnation;
    }

    @Override
    public Op.Check check() {
      return new Op.Check(path(), 0);
    }

    @Override
    public Set<Long> view() {
      return view;
    }

    @Override
    public long nextIncarnation() {
      return nextIncarnation;
    }

    @Override
    public void overturned(String found) {
      boolean stands = rig.servers.peek(path()).filter(entry -> entry.version() == 0).isPresent();
      Invariant.check(!stands, "%s is not ejected, but told it is over: %s", this, found);
      overturned = true;
    }

    @Override
    public void prep(long generation) {
      told.add("prep " + generation);
    }

    @Override
    public void slot(int slot, int which, long generation) {
      told.add("slot " + slot + " " + generation);
    }

    @Override
    public void done(long generation) {
      told.add("done " + generation);
    }

    @Override
    public void joined(int slot, int which, long generation) {
      told.add("joined " + slot + " " + generation);
    }

    @Override
    public void left(int slot, int which, boolean needsTakeover, long generation) {
      told.add((needsTakeover ? "left with work " : "left ") + slot + " " + generation);
    }

    @Override
    public void freed(int slot, long generation) {
      told.add("freed " + slot + " " + generation);
    }

    @Override
    public void halted(String reason) {
      told.add("halted");
    }

    @Override
    public String toString() {
      return "n" + number;
    }
  }
}
