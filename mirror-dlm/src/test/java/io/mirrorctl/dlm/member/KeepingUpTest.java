package io.mirrorctl.dlm.member;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.member.Membership.Wait;
import io.mirrorctl.dlm.simulation.MemoryServers;
import io.mirrorctl.dlm.simulation.MemoryStore.Fate;
import io.mirrorctl.dlm.simulation.Simulation;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** Members that hang, sleep or die, and what becomes of those that do not. */
class KeepingUpTest {
  private static final Duration LONG = Duration.ofMinutes(2);

  private final Simulation simulation = new Simulation(11);
  private final MemoryServers servers = new MemoryServers(simulation);

  private SimulatedMember member(int number) {
    return member(MemberSettings.of(number));
  }

  private SimulatedMember member(MemberSettings settings) {
    return new SimulatedMember(simulation, servers, settings, UnaryOperator.identity());
  }

  private boolean comes(SimulatedMember member, String what, Duration limit) {
    return simulation.runUntil(() -> member.heard().contains(what), limit);
  }

  @Test
  void aNodeThatHungEjectsNobodyForWhatItSleptThrough() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    simulation.run(Duration.ofSeconds(20));
    var hangs = new AtomicBoolean();
    servers.onCommit(done -> {
      boolean renewal = done.ops().stream().anyMatch(op -> op.path().equals(Paths.lease(one.id())));
      if (renewal && !hangs.getAndSet(true)) {
        // with the answer on its way
        one.node().stall();
        simulation.after(Duration.ofMillis(9_900), one.node()::unstall);
      }
    });
    simulation.run(Duration.ofSeconds(30));
    assertThat(hangs).isTrue();
    assertThat(two.halted()).isEmpty();
    assertThat(one.halted()).isEmpty();
    assertThat(one.mayWrite() && two.mayWrite()).isTrue();
  }

  @Test
  void joinersThatTryAgainAndAgainDoNotKeepAHangingMemberIn() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    two.hangAt("settle");
    var _ = one.membership().forceRegroup("test");
    for (int i = 0; i < 4 && two.halted().isEmpty(); i++) {
      simulation.run(Duration.ofSeconds(4));
      SimulatedMember joiner = member(3).join(Duration.ofSeconds(10));
      simulation.runUntil(() -> joiner.joined().isPresent(), Duration.ofSeconds(12));
    }
    assertThat(two.halted()).contains(HaltCode.EJECTED);
    assertThat(one.halted()).isEmpty();
    assertThat(comes(one, "died 2", LONG)).isTrue();
  }

  @Test
  void aCallbackThatWaitsForTheDeadIsToldWhenTheRegroupBeginsAgain() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    SimulatedMember three = member(3).joinNow();
    simulation.run(Duration.ofSeconds(1));
    one.waitAt("settle");
    two.waitAt("settle");
    three.hangAt("settle");
    var _ = one.membership().forceRegroup("test");
    simulation.run(Duration.ofSeconds(1));
    three.node().kill();

    assertThat(comes(one, "down [3]", LONG)).isTrue();
    assertThat(comes(two, "down [3]", LONG)).isTrue();
    assertThat(one.halted()).isEmpty();
    assertThat(two.halted()).isEmpty();
    assertThat(one.mayWrite() && two.mayWrite()).isTrue();
  }

  @Test
  void whoLeavesBeforeAllHaveSettledBeginsTheRegroupAgain() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    simulation.run(Duration.ofSeconds(1));
    two.hangAt("clean-up 2");
    one.heard().clear();
    var _ = one.membership().forceRegroup("test");
    simulation.run(Duration.ofSeconds(1));
    two.answer(two.membership().leave());

    assertThat(comes(one, "down [2]", Duration.ofSeconds(1))).isTrue();
    assertThat(one.heard()).containsSubsequence("settle 4", "resume", "left 2");
    assertThat(one.heard()).doesNotContain("settle 3");
  }

  @Test
  void aClusterThatIsWhollyDeadDoesNotKeepOutANodeWithOtherSettings() {
    SimulatedMember one = member(MemberSettings.of(1).with(Map.of("array", "a"))).joinNow();
    simulation.run(Duration.ofSeconds(5));
    one.node().kill();
    SimulatedMember two = member(MemberSettings.of(2).with(Map.of("array", "b"))).joinNow();
    assertThat(two.answer(two.membership().clusterInfo()).active()).containsExactly(two.id());
  }

  @Test
  void aNodeThatCannotLetItsIoRunAgainAfterItsLeaseWasOverHalts() {
    SimulatedMember one = member(1).joinNow();
    one.failAt("resume");
    servers.stop();
    assertThat(comes(one, "hold LEASE", LONG)).isTrue();
    servers.start();
    simulation.runUntil(() -> one.halted().isPresent(), LONG);
    assertThat(one.halted()).contains(HaltCode.CALLBACK_FAILED);
  }

  @Test
  void whoSurvivesTheOwnerOfTheQuorumWaitsForNoEqualiser() {
    SimulatedMember one = member(1).joinNow();
    SimulatedMember two = member(2).joinNow();
    assertThat(one.answer(one.membership().setQuorumOwner(1, Wait.FOR_REGROUP)).status())
        .isEqualTo(Status.DONE);
    one.node().kill();
    two.heard().clear();
    assertThat(comes(two, "hold REGROUP", LONG)).isTrue();
    assertThat(comes(two, "down [1]", Duration.ofSeconds(2))).isTrue();
  }

  @Test
  void whoGaveUpTheQuorumAndGotNoAnswerFindsItDone() {
    SimulatedMember one = member(1).joinNow();
    one.answer(one.membership().setQuorumOwner(1, Wait.FOR_REGROUP));
    one.store().loseAnswer(1, Fate.DONE);
    assertThat(one.answer(one.membership().giveUpQuorum(Wait.FOR_REGROUP)))
        .isInstanceOfSatisfying(
            QuorumResult.Chosen.class,
            chosen -> assertThat(chosen.node()).isEqualTo(Optional.empty()));
  }
}
