package io.mirrorctl.dlm.member;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.member.Membership.Vouch;
import io.mirrorctl.dlm.simulation.MemoryServers;
import io.mirrorctl.dlm.simulation.Simulation;
import io.mirrorctl.dlm.store.StoreException.Kind;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class MembershipTest {
  private static final Duration LONG = Duration.ofMinutes(2);
  private static final FenceAgent NEVER =
      _ -> CompletableFuture.completedFuture(new FenceAgent.Answer.NotYet("never"));

  private final Simulation simulation = new Simulation(7);
  private final MemoryServers servers = new MemoryServers(simulation);

  private SimulatedMember member(int number) {
    return member(MemberSettings.of(number));
  }

  private SimulatedMember member(MemberSettings settings) {
    return new SimulatedMember(simulation, servers, settings, UnaryOperator.identity());
  }

  private ClusterInfo info(SimulatedMember member) {
    return member.answer(member.membership().clusterInfo());
  }

  private static List<Integer> numbers(ClusterInfo info) {
    return info.active().stream().map(Incarnation::node).toList();
  }

  // joining

  @Test
  void theFirstNodeJoinsAloneAndItsIoRuns() {
    SimulatedMember one = member(1).joinNow();
    var joined = (JoinResult.Joined) one.joined().orElseThrow();
    assertThat(joined.self()).isEqualTo(new Incarnation(1, 1));
    assertThat(joined.sessionTimeout()).isEqualTo(Duration.ofSeconds(9));
    assertThat(numbers(joined.cluster())).containsExactly(1);
    assertThat(one.heard())
        .containsExactly(
            "hold REGROUP", "clean-up 1 []", "clean-up 2 []", "settle 1", "resume", "up 1");
    assertThat(one.mayWrite()).isTrue();
    assertThat(one.membership().lease().length()).isEqualTo(Duration.ofSeconds(6));
  }

  @Test
  void everyMemberHearsOfANewOneAndHoldsItsIoMeanwhile() {
    SimulatedMember one = member(1).joinNow();
    one.heard().clear();
    SimulatedMember two = member(2).joinNow();
    assertThat(one.heard())
        .containsExactly(
            "hold REGROUP", "clean-up 1 []", "clean-up 2 []", "settle 2", "resume", "up 2");
    assertThat(two.heard()).isEqualTo(one.heard());
    assertThat(numbers(info(one))).containsExactly(1, 2);
    simulation.run(Duration.ofSeconds(1));
    assertThat(info(two)).isEqualTo(info(one));
    assertThat(info(one).stage()).isEqualTo(Stage.STABLE);
  }

  @Test
  void joiningTwiceIsAnsweredWithAlready() {
    SimulatedMember one = member(1).joinNow();
    assertThat(one.answer(one.membership().join(LONG))).isInstanceOf(JoinResult.Already.class);
  }

  @Test
  void otherParametersAreRefusedWithBothValuesNamed() {
    member(MemberSettings.of(1).with(Map.of("array", "a", "sector", "512"))).joinNow();
    SimulatedMember two =
        member(MemberSettings.of(2).with(Map.of("array", "b", "policy", "first"))).join();
    simulation.run(LONG);
    assertThat(two.joined().orElseThrow())
        .isEqualTo(
            new JoinResult.Fault(
                "node 2 cannot join: array: this node has \"b\", the cluster has \"a\";"
                    + " policy: this node has \"first\", the cluster has none;"
                    + " sector: this node has none, the cluster has \"512\""));
    assertThat(two.heard()).hasSize(1).first().asString().startsWith("join failed: ");
  }

  @Test
  void anotherVersionIsRefusedWithBothNamed() {
    member(1).joinNow();
    MemberSettings of = MemberSettings.of(2);
    SimulatedMember two =
        member(
                new MemberSettings(
                    2,
                    of.maxNodes(),
                    9,
                    of.parameters(),
                    of.heartbeat(),
                    of.ioMargin(),
                    of.stageLimit(),
                    of.arbitrationTimeout(),
                    of.equaliser(),
                    of.fenceRetry()))
            .join();
    simulation.run(LONG);
    assertThat(two.joined().orElseThrow().text())
        .contains("mirrorctl.version: this node has \"9\", the cluster has \"1\"");
  }

  @Test
  void theHeartbeatOfTheFirstIsInheritedAndTheSessionFollowsFromIt() {
    member(MemberSettings.of(1).with(new Heartbeat(200, 5, 4))).joinNow();
    SimulatedMember two = member(2).joinNow();
    assertThat(two.requested()).containsExactly(Duration.ofSeconds(9), Duration.ofSeconds(4));
    assertThat(info(two).heartbeat()).isEqualTo(new Heartbeat(200, 5, 4));
    assertThat(two.membership().lease().length()).isEqualTo(Duration.ofMillis(2_666));
  }

  @Test
  void anEmptyClusterTakesTheSettingsOfWhoComesFirst() {
    SimulatedMember one = member(MemberSettings.of(1).with(Map.of("array", "a"))).joinNow();
    one.answer(one.membership().leave());
    MemberSettings others =
        MemberSettings.of(2).with(Map.of("array", "b")).with(new Heartbeat(100, 5, 10));
    SimulatedMember two = member(others).joinNow();
    assertThat(info(two).heartbeat()).isEqualTo(others.heartbeat());
    assertThat(two.id()).isEqualTo(new Incarnation(2, 2));
  }

  @Test
  void aNumberThatIsUpIsRefused() {
    member(1).joinNow();
    SimulatedMember twin = member(1).join();
    assertThat(simulation.runUntil(() -> twin.joined().isPresent(), Duration.ofSeconds(5)))
        .isTrue();
    assertThat(twin.joined().orElseThrow())
        .isEqualTo(
            new JoinResult.Fault(
                "node 1 cannot join: node 1 (incarnation 1) is up: two nodes cannot have one"
                    + " number"));
  }

  @Test
  void aNodeThatCameBackWaitsForTheLeaseOfItsDeadIncarnation() {
    SimulatedMember other = member(2).joinNow();
    SimulatedMember first = member(1).joinNow();
    simulation.run(Duration.ofSeconds(20));
    first.node().kill();
    Duration killed = simulation.time();
    SimulatedMember again = member(1).joinNow();
    assertThat(simulation.time().minus(killed)).isGreaterThan(Duration.ofMillis(5_500));
    assertThat(again.id()).isEqualTo(new Incarnation(1, 3));
    assertThat(other.heard()).endsWith("up 1").containsSubsequence("died 1", "down [1]", "up 1");
  }

  @Test
  void aNodeThatCameBackAloneBuriesItsDeadIncarnationItself() {
    member(1).joinNow().node().kill();
    Duration killed = simulation.time();
    SimulatedMember again = member(1).joinNow();
    assertThat(simulation.time().minus(killed)).isGreaterThan(Duration.ofSeconds(7));
    assertThat(numbers(info(again))).containsExactly(1);
    assertThat(again.id()).isEqualTo(new Incarnation(1, 2));
  }

  @Test
  void aJoinThatTakesTooLongSaysWhatItWaitedForAndLeavesNothing() {
    member(1).joinNow().node().kill();
    SimulatedMember again = member(1).join(Duration.ofSeconds(3));
    simulation.runUntil(() -> again.joined().isPresent(), LONG);
    assertThat(again.joined().orElseThrow().status()).isEqualTo(Status.TIMEOUT);
    assertThat(again.joined().orElseThrow().text())
        .startsWith("node 1 has not joined in 3000 ms; it waited for: node 1 (incarnation 1)");
    simulation.run(Duration.ofSeconds(30));
    assertThat(servers.peekChildren(Paths.NODES)).isEmpty();
  }

  @Test
  void aJoinThatCannotPassARegroupInTimeWithdrawsIt() {
    SimulatedMember one = member(1).joinNow();
    one.hangAt("settle");
    SimulatedMember two = member(2).join(Duration.ofSeconds(3));
    simulation.runUntil(() -> two.joined().isPresent(), LONG);
    assertThat(two.joined().orElseThrow().status()).isEqualTo(Status.TIMEOUT);
    assertThat(two.joined().orElseThrow().text())
        .contains("SETTLE of epoch 2; not passed by [node 1 (incarnation 1)]");
    simulation.run(Duration.ofSeconds(1));
    assertThat(numbers(info(one))).containsExactly(1);
    assertThat(two.mayWrite()).isFalse();
  }

  @Test
  void aJoinTriesAgainUntilThereIsASessionToBeHad() {
    for (Kind kind : Kind.values()) {
      if (!kind.isPermanent()) {
        servers.refuse(Optional.of(kind));
        SimulatedMember one = member(1).join();
        simulation.run(Duration.ofSeconds(50));
        assertThat(one.joined()).as(kind.name()).isEmpty();
        assertThat(one.answer(one.membership().diagnostics()).text()).contains(kind.name());
        servers.refuse(Optional.empty());
        simulation.run(Duration.ofSeconds(5));
        assertThat(one.joined().orElseThrow()).isInstanceOf(JoinResult.Joined.class);
        one.answer(one.membership().leave());
      }
    }
  }

  @Test
  void aJoinThatFindsNoServersInItsTimeIsTransientAndSaysWhy() {
    servers.stop();
    SimulatedMember one = member(1).join();
    simulation.run(Duration.ofSeconds(59));
    assertThat(one.joined()).isEmpty();
    simulation.run(Duration.ofSeconds(2));
    assertThat(one.joined().orElseThrow())
        .isEqualTo(
            new JoinResult.Transient(
                "node 1 has not joined in 60000 ms; it waited for: a session with the servers:"
                    + " n1 is refused: NO_QUORUM"));
    int tries = one.requested().size();
    servers.start();
    simulation.run(LONG);
    assertThat(one.requested()).hasSize(tries);
  }

  @Test
  void aJoinThatAnotherTryCannotHelpFailsAtOnce() {
    for (Kind kind : Kind.values()) {
      if (kind.isPermanent()) {
        servers.refuse(Optional.of(kind));
        SimulatedMember one = member(1).join();
        simulation.run(Duration.ofMillis(100));
        assertThat(one.joined().orElseThrow())
            .isEqualTo(new JoinResult.Fault("node 1 cannot join: n1 is refused: " + kind.name()));
        assertThat(one.requested()).hasSize(1);
      }
    }
  }

  // leaving

  @Test
  void aNodeThatLeavesIsGoneAtOnceAndCleanly() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    one.heard().clear();
    Duration before = simulation.time();
    assertThat(two.answer(two.membership().leave())).isInstanceOf(ServiceResult.Done.class);
    assertThat(simulation.runUntil(() -> one.heard().contains("down [2]"), LONG)).isTrue();
    assertThat(simulation.time().minus(before)).isLessThan(Duration.ofSeconds(1));
    assertThat(one.heard())
        .containsExactly(
            "hold REGROUP",
            "clean-up 1 []",
            "clean-up 2 []",
            "settle 3",
            "resume",
            "left 2",
            "down [2]");
    assertThat(two.heard()).endsWith("hold LEAVING");
    assertThat(two.mayWrite()).isFalse();
    assertThat(two.halted()).isEmpty();
  }

  @Test
  void theLastOneLeavesAnEmptyView() {
    SimulatedMember one = member(1).joinNow();
    one.answer(one.membership().leave());
    simulation.run(Duration.ofSeconds(1));
    assertThat(servers.peekChildren(Paths.NODES)).isEmpty();
    assertThat(servers.peekChildren(Paths.LEASES)).isEmpty();
    assertThat(one.answer(one.membership().leave())).isInstanceOf(ServiceResult.NotMember.class);
  }

  @Test
  void afterAShutdownNobodyWaitsForTheNode() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    assertThat(two.answer(two.membership().shutdown())).isInstanceOf(ServiceResult.Done.class);
    assertThat(two.mayWrite()).isFalse();
    assertThat(numbers(info(one))).containsExactly(1, 2);
    two.node().pause();
    assertThat(one.answer(one.membership().forceRegroup("test")))
        .isInstanceOf(ServiceResult.Done.class);
    two.node().resume();
    two.membership().close();
    Duration closed = simulation.time();
    assertThat(simulation.runUntil(() -> one.heard().contains("left 2"), LONG)).isTrue();
    assertThat(simulation.time().minus(closed)).isLessThan(Duration.ofSeconds(1));
  }

  // deaths

  @Test
  void aDeathShowsOnlyWhenTheLeaseOfTheDeadIsOver() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    one.heard().clear();
    simulation.run(Duration.ofSeconds(20));
    servers.expire(two.store().sessionId());
    Duration lease = two.membership().lease().remaining();
    Duration killed = simulation.time();
    two.node().kill();
    assertThat(simulation.runUntil(() -> !one.heard().isEmpty(), LONG)).isTrue();
    assertThat(simulation.time().minus(killed)).isGreaterThan(lease.plusSeconds(1));
    assertThat(simulation.runUntil(() -> one.heard().contains("down [2]"), LONG)).isTrue();
    assertThat(one.heard())
        .containsExactly(
            "hold REGROUP",
            "clean-up 1 [2]",
            "clean-up 2 [2]",
            "settle 3",
            "resume",
            "died 2",
            "down [2]");
  }

  @Test
  void anEjectedNodeHaltsAndLeavesTheViewAtOnceIfItsIoHasEnded() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    Duration before = simulation.time();
    assertThat(one.answer(one.membership().eject(2, Vouch.NO, "test")))
        .isInstanceOf(ServiceResult.Done.class);
    assertThat(simulation.runUntil(() -> one.heard().contains("died 2"), LONG)).isTrue();
    assertThat(simulation.time().minus(before)).isLessThan(Duration.ofSeconds(1));
    assertThat(two.halted()).contains(HaltCode.EJECTED);
    assertThat(two.heard().getLast()).contains("node 1: test");
    assertThat(two.mayWrite()).isFalse();
  }

  @Test
  void anEjectedNodeThatKeepsGoingIsWaitedForButCannotRenew() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    two.hangAt("halted");
    simulation.run(Duration.ofSeconds(10));
    Duration before = simulation.time();
    one.answer(one.membership().eject(2, Vouch.NO, "test"));
    assertThat(simulation.runUntil(() -> one.heard().contains("died 2"), LONG)).isTrue();
    assertThat(simulation.time().minus(before)).isGreaterThan(Duration.ofMillis(5_500));
    assertThat(servers.isAlive(two.store().sessionId())).isTrue();
  }

  @Test
  void anEjectionOfAnEarlierIncarnationDoesNotHitTheOneAfterIt() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    Incarnation earlier = two.id();
    two.answer(two.membership().leave());
    SimulatedMember again = member(2).joinNow();
    assertThat(one.answer(one.membership().eject(earlier, Vouch.NO, "late")).status())
        .isEqualTo(Status.NOT_MEMBER);
    assertThat(one.answer(one.membership().eject(again.id(), Vouch.NO, "now")).status())
        .isEqualTo(Status.DONE);
    assertThat(simulation.runUntil(() -> again.halted().isPresent(), LONG)).isTrue();
    assertThat(again.halted()).contains(HaltCode.EJECTED);
  }

  @Test
  void aNodeThatCannotFollowHaltsAndTheOthersNeedNotWaitForItsLease() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    Duration before = simulation.time();
    two.membership().halt("no such size");
    assertThat(simulation.runUntil(() -> one.heard().contains("died 2"), LONG)).isTrue();
    assertThat(simulation.time().minus(before)).isLessThan(Duration.ofSeconds(1));
    assertThat(two.heard().getLast()).startsWith("halted CALLBACK_FAILED").contains("no such size");
    assertThat(two.mayWrite()).isFalse();
  }

  @Test
  void lockspacesAreToldOnceWhenTheIncarnationIsOverAndNotBefore() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    var ends = new ArrayList<String>();
    two.membership().onViewChange(() -> two.membership().standing().end().ifPresent(ends::add));
    member(3).joinNow();
    assertThat(ends).isEmpty();
    one.answer(one.membership().eject(2, Vouch.NO, "test"));
    simulation.run(LONG);
    assertThat(ends).singleElement().asString().contains("node 1: test");
    var left = new ArrayList<String>();
    one.membership().onViewChange(() -> one.membership().standing().end().ifPresent(left::add));
    one.answer(one.membership().leave());
    simulation.run(LONG);
    assertThat(left).singleElement().asString().contains("left");
  }

  @Test
  void ejectingOneselfOrAStrangerIsRefused() {
    SimulatedMember one = member(1).joinNow();
    assertThat(one.answer(one.membership().eject(1, Vouch.NO, "test")).status())
        .isEqualTo(Status.REFUSED);
    assertThat(one.answer(one.membership().eject(2, Vouch.NO, "test")).status())
        .isEqualTo(Status.NOT_MEMBER);
    SimulatedMember stranger = member(3);
    assertThat(stranger.answer(stranger.membership().eject(1, Vouch.NO, "test")).status())
        .isEqualTo(Status.NOT_MEMBER);
  }

  @Test
  void aNodeWhoseLoopHangsIsEjectedThoughItsSessionLives() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    two.node().stall();
    assertThat(simulation.runUntil(() -> one.heard().contains("died 2"), LONG)).isTrue();
    assertThat(servers.isAlive(two.store().sessionId())).isTrue();
    assertThat(two.membership().lease().isValid()).isFalse();
    two.node().unstall();
    simulation.run(Duration.ofSeconds(1));
    assertThat(two.halted()).isPresent();
    assertThat(two.ioRuns()).isFalse();
  }

  @Test
  void aMemberThatDoesNotPassAStageIsEjected() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    two.hangAt("settle");
    var forced = one.membership().forceRegroup("test");
    assertThat(one.answer(forced)).isInstanceOf(ServiceResult.Done.class);
    assertThat(two.halted()).contains(HaltCode.EJECTED);
    assertThat(two.heard().getLast()).contains("has not passed SETTLE of epoch 3");
  }

  // deaths that are not sure

  private SimulatedMember neverFencing(int number) {
    return new SimulatedMember(
        simulation, servers, MemberSettings.of(number), ports -> ports.fencedBy(NEVER));
  }

  private Stage stage() {
    try {
      return ViewCodec.decode(Paths.VIEW, servers.peek(Paths.VIEW).orElseThrow().data()).stage();
    } catch (UnreadableRecordException e) {
      throw new AssertionError(e);
    }
  }

  /** Node 2 hangs at this callback of a regroup, and dies there. */
  private SimulatedMember dyingAt(String callback, Stage at, SimulatedMember one) {
    SimulatedMember two = neverFencing(2).joinNow();
    neverFencing(3).joinNow();
    simulation.run(Duration.ofSeconds(1));
    two.hangAt(callback);
    one.heard().clear();
    var _ = one.membership().forceRegroup("test");
    simulation.runUntil(() -> stage() == at, LONG);
    simulation.run(Duration.ofSeconds(1));
    assertThat(one.ioRuns()).isEqualTo(at == Stage.RESUME);
    servers.expire(two.store().sessionId());
    two.node().kill();
    return two;
  }

  @Test
  void aDeathBeforeItsIoWasHeldPutsARegroupOff() {
    SimulatedMember one = neverFencing(1).joinNow();
    dyingAt("hold", Stage.HOLD, one);
    assertThat(simulation.runUntil(one::ioRuns, Duration.ofSeconds(1))).isTrue();
    assertThat(one.heard()).containsExactly("hold REGROUP", "resume");
    simulation.run(LONG);
    assertThat(info(one).stage()).isEqualTo(Stage.PUT_OFF);
    assertThat(one.answer(one.membership().diagnostics()).cause())
        .isEqualTo("put off: node 2 (incarnation 2) is away");
    assertThat(one.mayWrite()).isTrue();
    one.heard().clear();
    one.answer(one.membership().eject(2, Vouch.FENCED, "it lies on the floor"));
    assertThat(simulation.runUntil(() -> one.heard().contains("down [2]"), LONG)).isTrue();
    assertThat(one.heard())
        .containsSubsequence("hold REGROUP", "clean-up 1 [2]", "resume", "died 2");
    assertThat(numbers(info(one))).containsExactly(1, 3);
  }

  @Test
  void aRegroupGoesOnWithoutWhoDiedWhenItsIoWasHeld() {
    SimulatedMember one = neverFencing(1).joinNow();
    dyingAt("clean-up 1", Stage.CLEAN_UP_1, one);
    assertThat(simulation.runUntil(() -> stage() == Stage.STABLE, Duration.ofSeconds(1))).isTrue();
    simulation.run(Duration.ofSeconds(1));
    assertThat(one.mayWrite()).isTrue();
    assertThat(one.heard()).doesNotContain("died 2").contains("clean-up 1 []");
    assertThat(numbers(info(one))).containsExactly(1, 2, 3);
    assertThat(one.answer(one.membership().diagnostics()).text())
        .containsPattern("node 2 .*: quiet, .*its lease is surely over in");
  }

  @Test
  void whoIsQuietDelaysTheRemovalOfNobodyElse() {
    SimulatedMember one = neverFencing(1).joinNow();
    dyingAt("clean-up 1", Stage.CLEAN_UP_1, one);
    SimulatedMember four = neverFencing(4).joinNow();
    four.answer(four.membership().leave());
    assertThat(simulation.runUntil(() -> one.heard().contains("down [4]"), LONG)).isTrue();
    SimulatedMember five = neverFencing(5).joinNow();
    one.answer(one.membership().eject(5, Vouch.FENCED, "test"));
    five.node().kill();
    assertThat(simulation.runUntil(() -> one.heard().contains("died 5"), LONG)).isTrue();
    simulation.run(Duration.ofSeconds(1));
    assertThat(numbers(info(one))).containsExactly(1, 2, 3);
    assertThat(one.mayWrite()).isTrue();
  }

  @Test
  void whoIsQuietDoesNothingAnyMoreThoughItGoesOn() {
    SimulatedMember one = neverFencing(1).joinNow();
    SimulatedMember two = neverFencing(2).joinNow();
    neverFencing(3).joinNow();
    two.hangAt("clean-up 1");
    var _ = one.membership().forceRegroup("test");
    simulation.runUntil(() -> stage() == Stage.CLEAN_UP_1, LONG);
    simulation.run(Duration.ofSeconds(1));
    two.node().pause();
    one.answer(one.membership().eject(2, Vouch.NO, "test"));
    assertThat(simulation.runUntil(() -> stage() == Stage.STABLE, Duration.ofSeconds(1))).isTrue();
    two.node().resume();
    simulation.run(Duration.ofSeconds(1));
    assertThat(two.ioRuns()).isFalse();
    assertThat(two.halted()).contains(HaltCode.EJECTED);
  }

  @Test
  void aDeathWhileItsNodeSettlesIsWaitedFor() {
    SimulatedMember one = neverFencing(1).joinNow();
    dyingAt("settle", Stage.SETTLE, one);
    simulation.run(LONG);
    assertThat(stage()).isEqualTo(Stage.SETTLE);
    assertThat(one.ioRuns()).isFalse();
    one.answer(one.membership().eject(2, Vouch.FENCED, "it lies on the floor"));
    assertThat(simulation.runUntil(one::ioRuns, Duration.ofSeconds(1))).isTrue();
  }

  @Test
  void aDeathWhenIoRunsAgainDoesNotKeepARegroupFromItsEnd() {
    SimulatedMember one = neverFencing(1).joinNow();
    dyingAt("resume", Stage.RESUME, one);
    assertThat(simulation.runUntil(() -> stage() == Stage.STABLE, Duration.ofSeconds(1))).isTrue();
    simulation.run(LONG);
    assertThat(one.heard()).containsOnlyOnce("hold REGROUP").doesNotContain("died 2");
    assertThat(one.mayWrite()).isTrue();
  }

  // leases and connections

  @Test
  void aShortLossOfTheConnectionHoldsNothing() {
    SimulatedMember one = member(1).joinNow();
    one.heard().clear();
    one.node().cut();
    simulation.run(Duration.ofSeconds(3));
    one.node().restore();
    simulation.run(Duration.ofSeconds(10));
    assertThat(one.heard()).isEmpty();
    assertThat(one.mayWrite()).isTrue();
  }

  @Test
  void serversThatAreAwayForLongHoldIoUntilTheyAreBack() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    one.heard().clear();
    two.heard().clear();
    servers.stop();
    simulation.run(Duration.ofSeconds(8));
    assertThat(one.heard()).containsExactly("hold LEASE");
    servers.start();
    simulation.run(Duration.ofSeconds(15));
    assertThat(one.heard()).containsExactly("hold LEASE", "resume");
    assertThat(two.heard()).containsExactly("hold LEASE", "resume");
    assertThat(one.mayWrite() && two.mayWrite()).isTrue();
  }

  @Test
  void theLeaseCountsFromTheSendingOfARenewalNotFromItsAnswer() {
    SimulatedMember one = member(1).joinNow();
    servers.latency(Duration.ofMillis(1_500), Duration.ofMillis(1_501));
    Duration longest = Duration.ZERO;
    simulation.run(Duration.ofSeconds(10));
    for (int i = 0; i < 1_000; i++) {
      simulation.run(Duration.ofMillis(10));
      Duration left = one.membership().lease().remaining();
      longest = left.compareTo(longest) > 0 ? left : longest;
    }
    assertThat(longest).isPositive().isLessThan(Duration.ofSeconds(3));
  }

  @Test
  void aLostSessionHaltsTheNode() {
    SimulatedMember one = member(1).joinNow();
    servers.expire(one.store().sessionId());
    simulation.run(LONG);
    assertThat(one.halted()).contains(HaltCode.SESSION_LOST);
    assertThat(one.mayWrite()).isFalse();
    assertThat(one.answer(one.membership().isNodeUp(1))).isFalse();
  }

  @Test
  void anOverturnedStandingHaltsTheNode() {
    SimulatedMember one = member(1).joinNow();
    one.membership().standing().overturned("test");
    simulation.run(LONG);
    assertThat(one.halted()).contains(HaltCode.OVERTURNED);
  }
}
