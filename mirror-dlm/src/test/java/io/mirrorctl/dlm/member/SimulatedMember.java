package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.simulation.MemoryServers;
import io.mirrorctl.dlm.simulation.MemoryStore;
import io.mirrorctl.dlm.simulation.SimulatedNode;
import io.mirrorctl.dlm.simulation.Simulation;
import io.mirrorctl.dlm.store.Store;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.UnaryOperator;

/** A membership on a simulated node, with everything it was told. */
final class SimulatedMember implements MembershipListener {
  private final Simulation simulation;
  private final SimulatedNode node;
  private final Membership membership;
  private final List<String> heard = new ArrayList<>();
  private final List<MemoryStore> stores = new ArrayList<>();
  private final List<Duration> requested = new ArrayList<>();
  private Optional<JoinResult> joined = Optional.empty();
  private Optional<HaltCode> halted = Optional.empty();
  private boolean ioRuns;
  private String hangsAt = "";

  SimulatedMember(
      Simulation simulation,
      MemoryServers servers,
      MemberSettings settings,
      UnaryOperator<MemberPorts> with) {
    this.simulation = simulation;
    this.node = simulation.node("n" + settings.node());
    StoreConnector connector = timeout -> connect(servers, timeout);
    this.membership =
        Membership.of(
            settings, with.apply(MemberPorts.of(node.loop(), node.env(), connector, this)));
  }

  private CompletionStage<Store> connect(MemoryServers servers, Duration timeout) {
    requested.add(timeout);
    return servers
        .begin(node, timeout)
        .thenApply(store -> {
          stores.add((MemoryStore) store);
          return store;
        });
  }

  SimulatedNode node() {
    return node;
  }

  Membership membership() {
    return membership;
  }

  MemoryStore store() {
    return stores.getLast();
  }

  /** The session timeouts that were asked for. */
  List<Duration> requested() {
    return requested;
  }

  /** What the listener was told, one word or two for each call. */
  List<String> heard() {
    return heard;
  }

  Optional<JoinResult> joined() {
    return joined;
  }

  Optional<HaltCode> halted() {
    return halted;
  }

  /** Whether the node above may submit I/O: not held, and the lease valid. */
  boolean mayWrite() {
    return ioRuns && membership.lease().isValid();
  }

  boolean ioRuns() {
    return ioRuns;
  }

  Incarnation id() {
    return ((JoinResult.Joined) joined.orElseThrow()).self();
  }

  /** The callback of this name never completes. */
  void hangAt(String callback) {
    hangsAt = callback;
  }

  SimulatedMember join() {
    return join(Duration.ofSeconds(60));
  }

  SimulatedMember join(Duration timeout) {
    var _ = membership.join(timeout).thenAccept(result -> joined = Optional.of(result));
    return this;
  }

  /** Joins and waits for it. */
  SimulatedMember joinNow() {
    join();
    if (!simulation.runUntil(() -> joined.isPresent(), Duration.ofSeconds(90))) {
      throw new AssertionError(simulation + ": " + node + " does not join");
    }
    if (!(joined.get() instanceof JoinResult.Joined)) {
      throw new AssertionError(simulation + ": " + node + ": " + joined.get());
    }
    return this;
  }

  /** The answer, after so much virtual time as it takes. */
  <T> T answer(CompletableFuture<T> future) {
    if (!simulation.runUntil(future::isDone, Duration.ofMinutes(5))) {
      throw new AssertionError(simulation + ": " + node + " got no answer");
    }
    return future.join();
  }

  private CompletionStage<Void> tell(String what) {
    heard.add(what);
    return what.startsWith(hangsAt) && !hangsAt.isEmpty()
        ? new CompletableFuture<>()
        : CompletableFuture.completedFuture(null);
  }

  @Override
  public void nodeUp(Incarnation who, long epoch) {
    var _ = tell("up " + who.node());
  }

  @Override
  public void nodeDown(Incarnation who, boolean clean, long epoch) {
    var _ = tell((clean ? "left " : "died ") + who.node());
  }

  @Override
  public void nodesDown(Set<Incarnation> nodes, long epoch) {
    var _ = tell("down " + nodes.stream().map(Incarnation::node).sorted().toList());
  }

  @Override
  public CompletionStage<Void> holdIo(HoldCause cause) {
    ioRuns = false;
    return tell("hold " + cause);
  }

  @Override
  public CompletionStage<Void> resumeIo() {
    ioRuns = true;
    return tell("resume");
  }

  @Override
  public CompletionStage<Void> cleanUpFirst(Set<Incarnation> dead, long epoch) {
    return tell("clean-up 1 " + dead.stream().map(Incarnation::node).sorted().toList());
  }

  @Override
  public CompletionStage<Void> cleanUpSecond(Set<Incarnation> dead, long epoch) {
    return tell("clean-up 2 " + dead.stream().map(Incarnation::node).sorted().toList());
  }

  @Override
  public CompletionStage<Void> settle(ClusterInfo cluster) {
    return tell("settle " + cluster.epoch());
  }

  @Override
  public CompletionStage<Void> halted(HaltCode code, String text) {
    ioRuns = false;
    halted = Optional.of(code);
    return tell("halted " + code + ": " + text);
  }

  @Override
  public void joinFailed(JoinResult result) {
    ioRuns = false;
    var _ = tell("join failed: " + result.text());
  }
}
