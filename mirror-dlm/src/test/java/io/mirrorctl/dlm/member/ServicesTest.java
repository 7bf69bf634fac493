package io.mirrorctl.dlm.member;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.member.Membership.Vouch;
import io.mirrorctl.dlm.member.Membership.Wait;
import io.mirrorctl.dlm.simulation.MemoryServers;
import io.mirrorctl.dlm.simulation.Simulation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** Each service changes something that shows. */
class ServicesTest {
  private static final Duration LONG = Duration.ofMinutes(3);

  private final Simulation simulation = new Simulation(11);
  private final MemoryServers servers = new MemoryServers(simulation);

  private SimulatedMember member(int number) {
    return member(number, UnaryOperator.identity());
  }

  private SimulatedMember member(int number, UnaryOperator<MemberPorts> with) {
    return new SimulatedMember(simulation, servers, MemberSettings.of(number), with);
  }

  private ClusterInfo info(SimulatedMember member) {
    return member.answer(member.membership().clusterInfo());
  }

  private Diagnostics diagnostics(SimulatedMember member) {
    return member.answer(member.membership().diagnostics());
  }

  private void run(int seconds) {
    simulation.run(Duration.ofSeconds(seconds));
  }

  // what is known

  @Test
  void theActiveNodesAreInTheOrderOfTheirNumbers() {
    member(3).joinNow();
    SimulatedMember one = member(1).joinNow();
    member(2).joinNow();
    run(1);
    assertThat(info(one).active())
        .containsExactly(new Incarnation(1, 2), new Incarnation(2, 3), new Incarnation(3, 1));
    assertThat(info(one).epoch()).isEqualTo(3);
    assertThat(info(one).heartbeat()).isEqualTo(Heartbeat.DEFAULT);
  }

  @Test
  void aNodeIsUpFromItsJoinUntilItShowsNoSignOfLife() {
    SimulatedMember one = member(1).joinNow();
    assertThat(one.answer(one.membership().isNodeUp(2))).isFalse();
    SimulatedMember two = member(2).joinNow();
    assertThat(one.answer(one.membership().isNodeUp(1))).isTrue();
    assertThat(one.answer(one.membership().isNodeUp(2))).isTrue();
    servers.expire(two.store().sessionId());
    run(1);
    assertThat(one.answer(one.membership().isNodeUp(2))).isFalse();
    assertThat(info(one).active()).hasSize(2);
  }

  @Test
  void diagnosticsTellWhatADeathIsWaitingFor() {
    FenceAgent never =
        _ ->
            CompletableFuture.completedFuture(
                new FenceAgent.Answer.NotYet("the switch does not answer"));
    SimulatedMember one = member(1, ports -> ports.fencedBy(never)).joinNow();
    SimulatedMember two = member(2).joinNow();
    run(10);
    servers.expire(two.store().sessionId());
    two.node().kill();
    run(1);
    assertThat(diagnostics(one).text())
        .contains("node 1 (incarnation 1): up")
        .containsPattern("node 2 .*waiting: its session is over, its lease is surely over in \\d");
    run(60);
    assertThat(diagnostics(one).text())
        .contains("its session is over, the fence agent says not yet: the switch does not answer");
    assertThat(info(one).active()).hasSize(2);
    assertThat(one.ioRuns()).isTrue();
  }

  @Test
  void diagnosticsOfAJoinerTellWhatItWaitsFor() {
    member(1).joinNow().node().kill();
    SimulatedMember again = member(1).join();
    run(2);
    assertThat(diagnostics(again).text())
        .contains("this node: joining, waiting for node 1 (incarnation 1)");
  }

  // fencing

  @Test
  void anOperatorVouchesInsteadOfTheFenceAgentButTheLeaseIsWaitedFor() {
    FenceAgent never =
        _ -> CompletableFuture.completedFuture(new FenceAgent.Answer.NotYet("never"));
    SimulatedMember one = member(1, ports -> ports.fencedBy(never)).joinNow();
    SimulatedMember two = member(2).joinNow();
    run(10);
    two.node().kill();
    Duration killed = simulation.time();
    assertThat(one.answer(one.membership().eject(2, Vouch.FENCED, "it lies on the floor")))
        .isInstanceOf(ServiceResult.Done.class);
    assertThat(simulation.runUntil(() -> one.heard().contains("died 2"), LONG)).isTrue();
    assertThat(simulation.time().minus(killed)).isGreaterThan(Duration.ofMillis(5_500));
  }

  @Test
  void aFenceAgentIsAskedAgainUntilItSaysYes() {
    List<Duration> asked = new ArrayList<>();
    FenceAgent third =
        victim -> {
          asked.add(simulation.time());
          return CompletableFuture.completedFuture(
              asked.size() < 3
                  ? new FenceAgent.Answer.NotYet("try " + asked.size() + " for " + victim)
                  : new FenceAgent.Answer.Fenced());
        };
    SimulatedMember one = member(1, ports -> ports.fencedBy(third)).joinNow();
    member(2).joinNow().node().kill();
    assertThat(simulation.runUntil(() -> one.heard().contains("died 2"), LONG)).isTrue();
    assertThat(asked).hasSize(3);
    assertThat(asked.get(1).minus(asked.get(0))).isGreaterThan(Duration.ofSeconds(4));
  }

  @Test
  void aFenceAgentThatThrowsHasNotSaidYes() {
    FenceAgent broken =
        _ -> {
          throw new IllegalStateException("no such program");
        };
    SimulatedMember one = member(1, ports -> ports.fencedBy(broken)).joinNow();
    member(2).joinNow().node().kill();
    run(60);
    assertThat(info(one).active()).hasSize(2);
    assertThat(diagnostics(one).text()).contains("no such program");
  }

  @Test
  void whoIsAskedToStopWhileItSettlesFirstEndsThat() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    run(1);
    two.hangAt("settle");
    var _ = one.membership().forceRegroup("test");
    run(2);
    var stopped = two.membership().shutdown();
    run(2);
    assertThat(two.ioRuns()).isFalse();
    assertThat(stopped).isNotDone();
    assertThat(info(one).stage()).isEqualTo(Stage.SETTLE);
  }

  // regroups on demand

  @Test
  void aForcedRegroupTakesEverybodyThroughTheStages() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    run(1);
    two.heard().clear();
    assertThat(one.answer(one.membership().forceRegroup("test")))
        .isEqualTo(new ServiceResult.Done(3, "the regroup is over"));
    run(1);
    assertThat(two.heard())
        .containsExactly("hold REGROUP", "clean-up 1 []", "clean-up 2 []", "settle 3", "resume");
    assertThat(diagnostics(two).text()).contains("epoch 3, STABLE, by: forced: test");
  }

  @Test
  void aRegroupIsNotForcedWhileADeathIsNotSure() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    run(5);
    servers.expire(two.store().sessionId());
    two.node().kill();
    run(1);
    ServiceResult result = one.answer(one.membership().forceRegroup("test"));
    assertThat(result.status()).isEqualTo(Status.TRANSIENT);
    assertThat(result.text()).contains("node 2 (incarnation 2) is away");
    assertThat(one.ioRuns()).isTrue();
  }

  @Test
  void aReportedNodeThatKeepsUpStays() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    member(3).joinNow();
    run(1);
    assertThat(one.answer(one.membership().nodeUnreachable(2)))
        .isInstanceOf(ServiceResult.Done.class);
    run(5);
    assertThat(info(two).epoch()).isEqualTo(4);
    assertThat(info(two).active()).hasSize(3);
    assertThat(diagnostics(two).cause())
        .isEqualTo("node 1 (incarnation 1) cannot reach node 2 (incarnation 2)");
  }

  @Test
  void aReportedNodeThatDoesNotKeepUpIsPutOut() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    member(3).joinNow();
    two.hangAt("clean-up 1");
    one.answer(one.membership().nodeUnreachable(2));
    assertThat(simulation.runUntil(() -> one.heard().contains("died 2"), LONG)).isTrue();
    assertThat(two.halted()).contains(HaltCode.EJECTED);
  }

  @Test
  void withoutServersServicesAnswerTransient() {
    SimulatedMember one = member(1).joinNow();
    member(2).joinNow();
    one.node().cut();
    run(6);
    assertThat(one.answer(one.membership().eject(2, Vouch.NO, "test")).status())
        .isEqualTo(Status.TRANSIENT);
    assertThat(one.answer(one.membership().forceRegroup("test")).status())
        .isEqualTo(Status.TRANSIENT);
    assertThat(one.answer(one.membership().nodeUnreachable(2)).status())
        .isEqualTo(Status.TRANSIENT);
    assertThat(one.answer(one.membership().setQuorumOwner(1, Wait.NO)).status())
        .isEqualTo(Status.TRANSIENT);
    assertThat(diagnostics(one).text()).contains("the servers do not answer");
  }

  // arbitration

  private UnaryOperator<MemberPorts> arbiter(boolean wins, List<Arbiter.Question> asked) {
    return ports ->
        ports.decidedBy(question -> {
          asked.add(question);
          return CompletableFuture.completedFuture(wins);
        });
  }

  @Test
  void theArbiterIsAskedWhenHalfOfTheViewSurvives() {
    List<Arbiter.Question> asked = new ArrayList<>();
    SimulatedMember one = member(1, arbiter(true, asked)).joinNow();
    SimulatedMember two = member(2).joinNow();
    assertThat(asked).isEmpty();
    two.node().kill();
    assertThat(simulation.runUntil(() -> one.heard().contains("died 2"), LONG)).isTrue();
    assertThat(asked).hasSize(1);
    assertThat(asked.getFirst().survivors()).containsExactly(one.id());
    assertThat(asked.getFirst().dead()).containsExactly(new Incarnation(2, 2));
    assertThat(info(one).winner()).contains(one.id());
  }

  @Test
  void theArbiterIsNotAskedForALeave() {
    List<Arbiter.Question> asked = new ArrayList<>();
    SimulatedMember one = member(1, arbiter(false, asked)).joinNow();
    SimulatedMember two = member(2).joinNow();
    two.answer(two.membership().leave());
    run(5);
    assertThat(asked).isEmpty();
    assertThat(one.halted()).isEmpty();
  }

  @Test
  void whoLosesTheArbitrationAloneHalts() {
    SimulatedMember one = member(1, arbiter(false, new ArrayList<>())).joinNow();
    member(2).joinNow().node().kill();
    run(60);
    assertThat(one.halted()).contains(HaltCode.ARBITRATION_LOST);
    assertThat(one.heard()).doesNotContain("died 2", "clean-up 1 [2]");
  }

  @Test
  void theMajorityOfThreeNeedsNoArbiter() {
    List<Arbiter.Question> asked = new ArrayList<>();
    SimulatedMember one = member(1, arbiter(false, asked)).joinNow();
    member(2, arbiter(false, asked)).joinNow();
    member(3).joinNow().node().kill();
    assertThat(simulation.runUntil(() -> one.heard().contains("died 3"), LONG)).isTrue();
    assertThat(asked).isEmpty();
  }

  @Test
  void anArbiterThatDoesNotAnswerInTimeHasSaidNo() {
    SimulatedMember one =
        member(1, ports -> ports.decidedBy(_ -> new CompletableFuture<>())).joinNow();
    member(2).joinNow().node().kill();
    Duration killed = simulation.time();
    assertThat(simulation.runUntil(() -> one.halted().isPresent(), LONG)).isTrue();
    assertThat(one.halted()).contains(HaltCode.ARBITRATION_LOST);
    assertThat(simulation.time().minus(killed)).isGreaterThan(Duration.ofSeconds(60));
  }

  @Test
  void ofTwoThatFaceEachOtherTheOneThatLosesHalts() {
    SimulatedMember one = member(1, arbiter(true, new ArrayList<>())).joinNow();
    SimulatedMember two = member(2, arbiter(false, new ArrayList<>())).joinNow();
    one.answer(one.membership().nodeUnreachable(2));
    assertThat(simulation.runUntil(() -> one.heard().contains("died 2"), LONG)).isTrue();
    assertThat(two.halted()).contains(HaltCode.ARBITRATION_LOST);
    run(5);
    assertThat(info(one).active()).containsExactly(one.id());
    assertThat(info(one).winner()).contains(one.id());
  }

  @Test
  void theOwnerDefendsAndTheOthersWaitForTheEqualiser() {
    SimulatedMember one = member(1, arbiter(true, new ArrayList<>())).joinNow();
    SimulatedMember two = member(2, arbiter(true, new ArrayList<>())).joinNow();
    run(1);
    assertThat(info(one).winner()).contains(one.id());
    one.answer(one.membership().setQuorumOwner(1, Wait.NO));
    one.answer(one.membership().setQuorumOwner(2, Wait.NO));
    Duration asked = simulation.time();
    one.answer(one.membership().nodeUnreachable(2));
    QuorumResult winner = one.answer(one.membership().arbitrationWinner(Wait.FOR_REGROUP));
    assertThat(winner).isEqualTo(new QuorumResult.Chosen(Optional.of(two.id()), 3));
    assertThat(simulation.time().minus(asked)).isGreaterThan(Duration.ofSeconds(7));
  }

  // the quorum

  @Test
  void theWinnerCanBeAskedForWithAndWithoutWaiting() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    run(1);
    two.hangAt("hold");
    var forced = one.membership().forceRegroup("test");
    run(1);
    assertThat(one.answer(one.membership().arbitrationWinner(Wait.NO)))
        .isInstanceOfSatisfying(
            QuorumResult.Otherwise.class,
            undecided -> {
              assertThat(undecided.chosen()).isEmpty();
              assertThat(undecided.text()).contains("it has not chosen yet");
            });
    var waiting = one.membership().arbitrationWinner(Wait.FOR_REGROUP);
    run(1);
    assertThat(waiting).isNotDone();
    assertThat(one.answer(waiting).status()).isEqualTo(Status.DONE);
    assertThat(one.answer(forced).status()).isEqualTo(Status.DONE);
  }

  @Test
  void theVacantQuorumIsTheWinnersAndTheOwnerHandsItOn() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    run(1);
    assertThat(two.answer(two.membership().setQuorumOwner(2, Wait.NO)))
        .isInstanceOfSatisfying(
            QuorumResult.Otherwise.class,
            refused -> assertThat(refused.chosen()).contains(one.id()));
    assertThat(one.answer(one.membership().setQuorumOwner(1, Wait.NO)).status())
        .isEqualTo(Status.DONE);
    assertThat(two.answer(two.membership().setQuorumOwner(2, Wait.NO)).status())
        .isEqualTo(Status.OTHERWISE);
    assertThat(one.answer(one.membership().setQuorumOwner(2, Wait.NO)).status())
        .isEqualTo(Status.DONE);
    run(1);
    assertThat(info(one).quorumOwner()).contains(two.id());
    assertThat(one.answer(one.membership().giveUpQuorum(Wait.NO)))
        .isInstanceOfSatisfying(
            QuorumResult.Otherwise.class,
            refused -> assertThat(refused.chosen()).contains(two.id()));
    assertThat(two.answer(two.membership().giveUpQuorum(Wait.NO)).status()).isEqualTo(Status.DONE);
    run(1);
    assertThat(info(one).quorumOwner()).isEmpty();
    assertThat(one.answer(one.membership().setQuorumOwner(9, Wait.NO)).status())
        .isEqualTo(Status.NOT_MEMBER);
  }

  @Test
  void anOwnerThatIsSetDuringARegroupIsRefusedIfTheRegroupChoseAnother() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    run(1);
    one.answer(one.membership().setQuorumOwner(1, Wait.NO));
    run(1);
    var forced = one.membership().forceRegroup("test");
    simulation.run(Duration.ofMillis(2));
    assertThat(two.answer(two.membership().setQuorumOwner(2, Wait.NO)).status())
        .isEqualTo(Status.OTHERWISE);
    assertThat(two.answer(two.membership().setQuorumOwner(2, Wait.FOR_REGROUP)))
        .isInstanceOfSatisfying(
            QuorumResult.Otherwise.class,
            refused -> assertThat(refused.chosen()).contains(one.id()));
    assertThat(one.answer(forced).status()).isEqualTo(Status.DONE);
    assertThat(one.answer(one.membership().giveUpQuorum(Wait.FOR_REGROUP)).status())
        .isEqualTo(Status.DONE);
  }

  @Test
  void theQuorumOfADeadOwnerIsVacantAndTheNewWinnersToTake() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    SimulatedMember three = member(3).joinNow();
    run(1);
    one.answer(one.membership().setQuorumOwner(1, Wait.NO));
    one.node().kill();
    assertThat(simulation.runUntil(() -> two.heard().contains("died 1"), LONG)).isTrue();
    run(1);
    assertThat(info(three).quorumOwner()).isEmpty();
    assertThat(info(three).winner()).contains(two.id());
    assertThat(two.answer(two.membership().setQuorumOwner(2, Wait.NO)).status())
        .isEqualTo(Status.DONE);
  }

  // lockspaces

  @Test
  void theLockspacesAreToldWhenTheViewChanged() {
    SimulatedMember one = member(1).joinNow();
    List<String> told = new ArrayList<>();
    one.membership()
        .onViewChange(
            () -> told.add(one.membership().standing().view().stream().sorted().toList() + ""));
    SimulatedMember two = member(2).joinNow();
    assertThat(one.membership().standing().isGone(2)).isFalse();
    two.node().kill();
    simulation.runUntil(() -> one.heard().contains("died 2"), LONG);
    assertThat(told).containsExactly("[1, 2]", "[1]");
    assertThat(one.membership().standing().isGone(2)).isTrue();
    assertThat(one.membership().standing().isGone(3)).isFalse();
    assertThat(one.membership().standing().check().path()).isEqualTo("/cluster/nodes/1-1");
  }

  @Test
  void idleNodesCauseNoTrafficButTheirLeases() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    run(5);
    var before = servers.counts();
    run(15);
    var after = servers.counts();
    assertThat(after.commits() - before.commits()).isEqualTo(20);
    assertThat(after.reads() - before.reads()).isZero();
    assertThat(one.ioRuns() && two.ioRuns()).isTrue();
  }

  @Test
  void sixteenNodesGoThroughARegroupTogether() {
    List<SimulatedMember> all = new ArrayList<>();
    for (int node = 1; node <= 16; node++) {
      all.add(member(node).joinNow());
    }
    run(2);
    all.forEach(each -> each.heard().clear());
    long before = servers.counts().commits();
    assertThat(all.getFirst().answer(all.getFirst().membership().forceRegroup("test")).status())
        .isEqualTo(Status.DONE);
    run(1);
    assertThat(all)
        .allSatisfy(each ->
            assertThat(each.heard())
                .containsExactly(
                    "hold REGROUP", "clean-up 1 []", "clean-up 2 []", "settle 17", "resume"));
    // seven stages; tries that another member's commit overtook grow with the square at most
    assertThat(servers.counts().commits() - before).isLessThan(7 * 16 * 16);
  }
}
