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
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;

/** A process of {@link MemberWorld}: one membership, and a node above it that takes its time. */
final class WorldMember implements MembershipListener {
  /** Clocks may run apart by a hundredth in all. */
  private static final int MOST_DRIFT = 5_000;

  private final MemberChecks checks;
  private final int number;
  private final SimulatedNode node;
  private final SplittableRandom random;
  private final Membership membership;
  private final List<CompletableFuture<?>> asked = new ArrayList<>();
  private final List<CompletableFuture<Void>> hanging = new ArrayList<>();
  private final boolean mayHang;
  private final boolean stubborn;
  private Optional<MemoryStore> store = Optional.empty();
  private Optional<JoinResult> joined = Optional.empty();
  private boolean over;
  private boolean ioRuns;
  private boolean settling;
  private boolean awake;
  private boolean healed;

  WorldMember(
      Simulation simulation,
      MemoryServers servers,
      MemberChecks checks,
      int number,
      Duration ioMargin,
      boolean stubborn) {
    this.checks = checks;
    this.number = number;
    this.stubborn = stubborn;
    random = simulation.random().split();
    node = simulation.node("n" + number + "@" + simulation.time().toSeconds());
    node.drift(random.nextInt(-MOST_DRIFT, MOST_DRIFT + 1));
    mayHang = random.nextInt(12) == 0;
    MemberPorts ports =
        MemberPorts.of(node.loop(), node.env(), timeout -> connect(servers, timeout), this)
            .fencedBy(this::fence);
    membership = Membership.of(MemberSettings.of(number).withIoMargin(ioMargin), ports);
  }

  private CompletionStage<Store> connect(MemoryServers servers, Duration timeout) {
    return servers
        .begin(node, timeout)
        .thenApply(session -> {
          store = Optional.of((MemoryStore) session);
          return session;
        });
  }

  private CompletionStage<FenceAgent.Answer> fence(Incarnation victim) {
    return CompletableFuture.completedFuture(
        healed || (!stubborn && random.nextInt(3) > 0)
            ? new FenceAgent.Answer.Fenced()
            : new FenceAgent.Answer.NotYet("chance"));
  }

  void start(Duration timeout) {
    var result = membership.join(timeout);
    asked.add(result);
    var _ = result.thenAccept(answer -> joined = Optional.of(answer));
    membership.onViewChange(() -> checks.viewChanged(this, membership.standing().view()));
  }

  void ask(Function<Membership, CompletableFuture<?>> service) {
    asked.add(service.apply(membership));
  }

  int number() {
    return number;
  }

  SimulatedNode node() {
    return node;
  }

  Membership membership() {
    return membership;
  }

  Optional<MemoryStore> store() {
    return store;
  }

  Optional<Incarnation> id() {
    return joined.flatMap(result ->
        result instanceof JoinResult.Joined(var self, _, _) ? Optional.of(self) : Optional.empty());
  }

  boolean mayWrite() {
    return ioRuns && membership.lease().isValid();
  }

  boolean ioRuns() {
    return ioRuns;
  }

  /** Whether it may write what is not held: the superblocks. */
  boolean isSettling() {
    return settling && !node.isKilled();
  }

  /** Joined, and not over since. */
  boolean isUp() {
    return !node.isKilled() && id().isPresent() && membership.lease().isValid();
  }

  /** Every question that was asked of a process that lives has been answered. */
  boolean atRest() {
    return node.isKilled() || asked.stream().allMatch(CompletableFuture::isDone);
  }

  /** Its fence agent says yes. */
  void heal() {
    healed = true;
  }

  /** Nothing hangs any more. */
  void wake() {
    awake = true;
    hanging.forEach(callback -> callback.complete(null));
  }

  private CompletionStage<Void> later() {
    var done = new CompletableFuture<Void>();
    if (!awake && mayHang && random.nextInt(20) == 0) {
      hanging.add(done);
    } else if (random.nextInt(4) == 0) {
      node.loop().after(Duration.ofMillis(random.nextInt(1, 300)), () -> done.complete(null));
    } else {
      done.complete(null);
    }
    return done;
  }

  @Override
  public void nodeUp(Incarnation who, long epoch) {
    checks.told(this, new View.News(epoch, View.News.Kind.UP, who));
  }

  @Override
  public void nodeDown(Incarnation who, boolean clean, long epoch) {
    checks.told(this, new View.News(epoch, clean ? View.News.Kind.LEFT : View.News.Kind.DIED, who));
  }

  @Override
  public CompletionStage<Void> holdIo(HoldCause cause) {
    ioRuns = false;
    return later();
  }

  @Override
  public CompletionStage<Void> resumeIo() {
    ioRuns = !over;
    checks.resumed(this);
    return later();
  }

  @Override
  public CompletionStage<Void> cleanUpFirst(Set<Incarnation> dead, long epoch) {
    checks.cleanedUp(this, 1, dead, epoch);
    return later();
  }

  @Override
  public CompletionStage<Void> cleanUpSecond(Set<Incarnation> dead, long epoch) {
    checks.cleanedUp(this, 2, dead, epoch);
    return later();
  }

  @Override
  public CompletionStage<Void> settle(ClusterInfo cluster) {
    checks.settled(this, cluster.epoch());
    settling = true;
    return later().thenRun(() -> settling = false);
  }

  @Override
  public CompletionStage<Void> halted(HaltCode code, String text) {
    over = true;
    ioRuns = false;
    checks.halted(this, code, text);
    return later();
  }

  @Override
  public void joinFailed(JoinResult result) {
    over = true;
    ioRuns = false;
  }

  @Override
  public String toString() {
    return node.name();
  }
}
