package io.mirrorctl.dlm.lock;

import static io.mirrorctl.dlm.lock.LockMode.CR;
import static io.mirrorctl.dlm.lock.LockMode.CW;
import static io.mirrorctl.dlm.lock.LockMode.EX;
import static io.mirrorctl.dlm.lock.LockMode.NL;
import static io.mirrorctl.dlm.lock.LockMode.PR;
import static io.mirrorctl.dlm.lock.LockMode.PW;
import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.lock.LockRig.RigNode;
import io.mirrorctl.dlm.simulation.MemoryStore;
import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.StoreCounts;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LockspaceTest {
  private final LockRig rig = new LockRig(7);

  private static Bytes filled(int value) {
    byte[] content = new byte[ValueBlock.BYTES];
    Arrays.fill(content, (byte) value);
    return Bytes.of(content);
  }

  private StoreCounts since(RigNode node, StoreCounts before) {
    return node.store.counts().since(before);
  }

  @Test
  void theLowestFreeSlotIsGivenOut() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    RigNode c = rig.member();
    assertThat(List.of(a.lockspace.slot(), b.lockspace.slot(), c.lockspace.slot()))
        .containsExactly(0, 1, 2);
    assertThat(rig.await(b.lockspace.leave(Lockspace.Leaving.CLEAN)))
        .isInstanceOf(LeaveOutcome.Done.class);
    assertThat(rig.member().lockspace.slot()).isEqualTo(1);
    rig.settle();
    assertThat(a.told).containsExactly("joined 1 2", "joined 2 3", "left 1 4", "joined 1 5");
    assertThat(c.told).containsExactly("left 1 4", "joined 1 5");
  }

  @Test
  void aJoinerWithOtherParametersIsShownBothValues() {
    rig.member();
    RigNode other = rig.node();
    assertThat(rig.await(other.join(new LockspaceSettings(16, Map.of("uuid", "2")))))
        .isEqualTo(new JoinOutcome.Mismatch("uuid", "2", "1"));
    assertThat(rig.await(other.join(new LockspaceSettings(9, Map.of("uuid", "1")))))
        .isEqualTo(new JoinOutcome.Mismatch("slots", "9", "16"));
  }

  @Test
  void aLockspaceWithoutAFreeSlotSaysSo() {
    LockspaceSettings two = new LockspaceSettings(2, Map.of());
    RigNode a = rig.node();
    RigNode b = rig.node();
    rig.await(a.join(two));
    b.lockspace = ((JoinOutcome.Joined) rig.await(b.join(two))).lockspace();
    rig.await(b.lockspace.leave(Lockspace.Leaving.NEEDS_TAKEOVER));
    assertThat(rig.await(rig.node().join(two))).isEqualTo(new JoinOutcome.Full(1, 1));
  }

  @Test
  void whenAllSlotsWaitForATakeoverTheNextNodeGetsTheFirst() {
    LockspaceSettings two = new LockspaceSettings(2, Map.of());
    RigNode a = rig.node();
    RigNode b = rig.node();
    a.lockspace = ((JoinOutcome.Joined) rig.await(a.join(two))).lockspace();
    b.lockspace = ((JoinOutcome.Joined) rig.await(b.join(two))).lockspace();
    rig.await(a.lockspace.leave(Lockspace.Leaving.NEEDS_TAKEOVER));
    rig.await(b.lockspace.leave(Lockspace.Leaving.NEEDS_TAKEOVER));
    RigNode c = rig.node();
    c.lockspace = ((JoinOutcome.Joined) rig.await(c.join(two))).lockspace();
    assertThat(c.lockspace.slot()).isZero();
    assertThat(c.lockspace.view().slots().get(1)).isInstanceOf(SlotState.NeedsTakeover.class);
    assertThat(rig.await(rig.node().join(two))).isEqualTo(new JoinOutcome.Full(1, 1));
  }

  @Test
  void whoJoinsWhenAllHaveDiedPurgesThemFirst() {
    LockspaceSettings two = new LockspaceSettings(2, Map.of());
    RigNode a = rig.node();
    RigNode b = rig.node();
    rig.await(a.join(two));
    rig.await(b.join(two));
    rig.kill(a);
    rig.kill(b);
    RigNode c = rig.node();
    c.lockspace = ((JoinOutcome.Joined) rig.await(c.join(two))).lockspace();
    assertThat(c.lockspace.slot()).isZero();
    assertThat(c.lockspace.view().slots().get(1)).isInstanceOf(SlotState.NeedsTakeover.class);
  }

  @Test
  void anUncontendedConvertIsOneCommitAndNoRead() {
    RigNode a = rig.member();
    Lock lock = a.lockspace.lock("r");
    a.grant(lock, NL);
    StoreCounts before = a.store.counts();
    a.grant(lock, EX);
    a.grant(lock, LockRequest.to(NL).writing(filled(1)));
    rig.settle();
    assertThat(since(a, before)).isEqualTo(new StoreCounts(2, 0, 0));
  }

  @Test
  void anUncontendedConvertOfAWatchedLockIsOneCommitAndNoRead() {
    RigNode a = rig.member();
    Lock lock = a.lockspace.lock("r", _ -> {});
    a.grant(lock, CR);
    rig.settle();
    StoreCounts before = a.store.counts();
    a.grant(lock, EX);
    a.grant(lock, CR);
    rig.settle();
    assertThat(since(a, before)).isEqualTo(new StoreCounts(2, 0, 2));
  }

  @Test
  void aHandOverIsOneCommitOneEventAndOneRead() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    Lock ours = a.lockspace.lock("r");
    Lock theirs = b.lockspace.lock("r");
    a.grant(ours, EX);
    b.grant(theirs, NL);
    CompletableFuture<LockOutcome> waiting = theirs.convert(EX);
    rig.settle();
    a.grant(ours, EX);
    rig.settle();
    StoreCounts beforeA = a.store.counts();
    StoreCounts beforeB = b.store.counts();
    a.grant(ours, LockRequest.to(NL).writing(filled(9)));
    Grant grant = ((LockOutcome.Granted) rig.await(waiting)).grant();
    assertThat(grant.value()).isEqualTo(new ValueBlock(filled(9), true));
    assertThat(since(a, beforeA)).isEqualTo(new StoreCounts(1, 0, 0));
    assertThat(since(b, beforeB)).isEqualTo(new StoreCounts(0, 1, 1));
  }

  @Test
  void whoWaitedAndWhoWasWaitedForReleasesByOneCommitTheNextTime() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    Lock ours = a.lockspace.lock("r");
    Lock theirs = b.lockspace.lock("r");
    a.grant(ours, EX);
    // nobody knows yet that others want it
    assertThat(handOver(a, ours, b, theirs)).isEqualTo(new StoreCounts(2, 1, 0));
    for (int i = 0; i < 3; i++) {
      assertThat(handOver(b, theirs, a, ours).commits()).isEqualTo(1);
      assertThat(handOver(a, ours, b, theirs).commits()).isEqualTo(1);
    }
    b.grant(theirs, NL);
    a.grant(ours, EX);
    rig.settle();
    assertThat(handOver(a, ours, b, theirs).commits()).isEqualTo(1);
  }

  /** What the release costs the one that holds EX, the other being in the queue. */
  private StoreCounts handOver(RigNode from, Lock held, RigNode to, Lock wanted) {
    CompletableFuture<LockOutcome> waiting = wanted.convert(EX);
    rig.settle();
    StoreCounts before = from.store.counts();
    StoreCounts beforeWaiter = to.store.counts();
    from.grant(held, NL);
    assertThat(rig.await(waiting)).isInstanceOf(LockOutcome.Granted.class);
    StoreCounts cost = since(from, before);
    assertThat(cost.reads()).isEqualTo(cost.commits() - 1);
    assertThat(since(to, beforeWaiter).reads()).isEqualTo(1);
    rig.settle();
    return cost;
  }

  @Test
  void whoIsWaitedForNoMoreForgetsIt() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    Lock ours = a.lockspace.lock("r");
    Lock theirs = b.lockspace.lock("r");
    a.grant(ours, EX);
    handOver(a, ours, b, theirs);
    b.grant(theirs, NL);
    a.grant(ours, EX);
    a.grant(ours, NL);
    rig.settle();
    StoreCounts before = a.store.counts();
    a.grant(ours, EX);
    a.grant(ours, NL);
    rig.settle();
    assertThat(since(a, before)).isEqualTo(new StoreCounts(2, 0, 0));
  }

  @Test
  void aRunIsOneCommitAsFarAsItCanBeGranted() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    List<Lock> ours = new ArrayList<>();
    for (String name : List.of("token", "message", "ack")) {
      ours.add(a.lockspace.lock(name));
      a.grant(ours.getLast(), NL);
    }
    Lock theirs = b.lockspace.lock("ack", _ -> {});
    b.grant(theirs, CR);
    a.grant(ours.get(2), CR);
    StoreCounts before = a.store.counts();
    CompletableFuture<RunOutcome> run =
        a.lockspace.run(
            List.of(
                Step.to(ours.get(0), EX),
                Step.to(ours.get(1), EX),
                new Step(ours.get(1), LockRequest.to(CW).writing(filled(3))),
                Step.to(ours.get(2), EX)));
    rig.settle();
    assertThat(run).isNotDone();
    assertThat(since(a, before).commits()).isEqualTo(1);
    assertThat(ours.get(1).granted()).contains(CW);
    b.grant(theirs, LockRequest.to(NL).noting(Bytes.utf8("nak")));
    RunOutcome outcome = rig.await(run);
    assertThat(outcome.complete()).isTrue();
    assertThat(outcome.grants()).extracting(Grant::mode).containsExactly(EX, EX, CW, EX);
    assertThat(outcome.grants().getLast().notes()).isEqualTo(Map.of(1, Bytes.utf8("nak")));
    assertThat(since(a, before).commits()).isEqualTo(1);
    assertThat(b.grant(b.lockspace.lock("message"), CR).value().content()).isEqualTo(filled(3));
  }

  @Test
  void aLockThatIsGrantedOneModeAndWaitsForTheNextInTheSameCommitIsServed() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    Lock theirs = b.lockspace.lock("token");
    b.grant(theirs, EX);
    Lock ours = a.lockspace.lock("token");
    Lock other = a.lockspace.lock("message");
    StoreCounts before = a.store.counts();
    CompletableFuture<RunOutcome> run =
        a.lockspace.run(List.of(Step.to(ours, NL), Step.to(other, PR), Step.to(ours, EX)));
    rig.settle();
    assertThat(run).isNotDone();
    assertThat(since(a, before).commits()).isEqualTo(1);
    b.grant(theirs, NL);
    assertThat(rig.await(run).grants()).extracting(Grant::mode).containsExactly(NL, PR, EX);
  }

  @Test
  void aLongRunIsSeveralCommits() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    Lock theirs = b.lockspace.lock("r70");
    b.grant(theirs, EX);
    List<Step> steps = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      steps.add(Step.to(a.lockspace.lock("r" + i), EX));
    }
    StoreCounts before = a.store.counts();
    var run = a.lockspace.run(steps);
    rig.settle();
    assertThat(run).isNotDone();
    assertThat(since(a, before).commits()).isEqualTo(3);
    b.grant(theirs, NL);
    assertThat(rig.await(run).grants()).hasSize(100);
    assertThat(since(a, before).commits()).isEqualTo(4);
  }

  @Test
  void theHolderIsToldWhichModeIsWanted() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    RigNode c = rig.member();
    List<LockMode> wanted = new ArrayList<>();
    Lock ours = a.lockspace.lock("r", wanted::add);
    a.grant(ours, PR);
    Lock first = b.lockspace.lock("r");
    Lock second = c.lockspace.lock("r");
    var cw = first.convert(CW);
    rig.settle();
    assertThat(wanted).containsExactly(CW);
    var ex = second.convert(EX);
    rig.settle();
    assertThat(wanted).containsExactly(CW, EX);
    a.grant(ours, NL);
    assertThat(rig.await(cw)).isInstanceOf(LockOutcome.Granted.class);
    b.grant(first, NL);
    assertThat(rig.await(ex)).isInstanceOf(LockOutcome.Granted.class);
    var back = ours.convert(CR);
    rig.settle();
    var next = first.convert(EX);
    rig.settle();
    wanted.clear();
    c.grant(second, NL);
    rig.await(back);
    rig.settle();
    assertThat(wanted).as("granted while another queues").containsExactly(EX);
    assertThat(next).isNotDone();
  }

  @Test
  void noQueueIsAnsweredWithTheTruthNotWithWhatIsRemembered() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    Lock ours = a.lockspace.lock("r");
    Lock theirs = b.lockspace.lock("r");
    a.grant(ours, EX);
    b.grant(theirs, NL);
    assertThat(b.convert(theirs, LockRequest.to(PR).orBusy())).isEqualTo(new LockOutcome.Busy());
    a.grant(ours, NL);
    // b still remembers that a holds EX
    assertThat(b.grant(theirs, LockRequest.to(PR).orBusy()).mode()).isEqualTo(PR);
  }

  @Test
  void aRequestThatWaitsCanBeCancelled() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    Lock ours = a.lockspace.lock("r");
    Lock theirs = b.lockspace.lock("r");
    a.grant(ours, EX);
    b.grant(theirs, NL);
    var waiting = theirs.convert(PW);
    rig.settle();
    theirs.cancel();
    assertThat(rig.await(waiting)).isEqualTo(new LockOutcome.Cancelled());
    assertThat(theirs.granted()).contains(NL);
    a.grant(ours, NL);
    assertThat(b.grant(theirs, EX).mode()).isEqualTo(EX);
  }

  @Test
  void aConversionDeadlockIsRefusedToTheNewcomer() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    Lock ours = a.lockspace.lock("r");
    Lock theirs = b.lockspace.lock("r");
    a.grant(ours, CR);
    b.grant(theirs, CR);
    var waiting = ours.convert(EX);
    rig.settle();
    assertThat(b.convert(theirs, LockRequest.to(EX))).isEqualTo(new LockOutcome.Deadlock());
    b.grant(theirs, NL);
    assertThat(rig.await(waiting)).isInstanceOf(LockOutcome.Granted.class);
  }

  @Test
  void aDeathIsToldInOrderAndItsLocksAreFree() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    RigNode c = rig.member();
    Lock dead = b.lockspace.lock("r");
    b.grant(dead, EX);
    b.grant(dead, LockRequest.to(EX).writing(filled(5)));
    Lock waiter = c.lockspace.lock("r");
    var waiting = waiter.convert(PR);
    rig.settle();
    List<String> order = a.told;
    order.clear();
    c.told.clear();
    var _ = waiting.thenRun(() -> c.told.add("granted"));
    rig.kill(b);
    Grant grant = ((LockOutcome.Granted) rig.await(waiting)).grant();
    assertThat(grant.value()).isEqualTo(new ValueBlock(filled(5), false));
    assertThat(grant.generation()).isEqualTo(4);
    rig.settle();
    assertThat(c.told).containsExactly("prep 4", "slot 1 4", "done 4", "granted");
    assertThat(a.told).containsExactly("prep 4", "slot 1 4", "done 4");
    assertThat(rig.member().lockspace.slot()).as("slot 1 waits for a takeover").isEqualTo(3);
    assertThat(rig.await(a.lockspace.takenOver(1, 4, Set.of("r"))))
        .isEqualTo(new LeaveOutcome.Done(6));
    rig.await(waiter.unlock());
    assertThat(a.grant(a.lockspace.lock("r"), PR).value()).isEqualTo(ValueBlock.ZERO);
    assertThat(rig.member().lockspace.slot()).isEqualTo(1);
  }

  @Test
  void aLateTakeoverDoesNotFreeASlotThatWasLostAgain() {
    RigNode a = rig.member();
    rig.kill(rig.member());
    rig.settle();
    rig.await(a.lockspace.takenOver(1, 3, Set.of()));
    RigNode again = rig.member();
    assertThat(again.lockspace.slot()).isEqualTo(1);
    rig.kill(again);
    rig.settle();
    rig.await(a.lockspace.takenOver(1, 3, Set.of()));
    assertThat(a.lockspace.view().slots().get(1)).isEqualTo(new SlotState.NeedsTakeover(2, 3, 6));
  }

  @ParameterizedTest
  @EnumSource
  void aLeaveRecognisesItsOwnSuccessWhenItsAnswerIsLost(MemoryStore.Fate fate) {
    rig.member();
    for (int commit = 1; commit <= 2; commit++) {
      RigNode b = rig.member();
      b.grant(b.lockspace.lock("r"), EX);
      b.store.loseAnswer(commit, fate);
      assertThat(rig.await(b.lockspace.leave(Lockspace.Leaving.CLEAN)))
          .isInstanceOf(LeaveOutcome.Done.class);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aJoinRecognisesItsOwnSuccessWhenItsAnswerIsLost(MemoryStore.Fate fate) {
    for (int slot = 0; slot < 4; slot++) {
      RigNode node = rig.node();
      node.store.loseAnswer(1, fate);
      node.store.loseAnswer(2, fate);
      JoinOutcome.Joined joined = (JoinOutcome.Joined) rig.await(node.join(LockRig.SETTINGS));
      assertThat(joined.lockspace().slot()).isEqualTo(slot);
    }
  }

  @Test
  void anUnlockedLockDoesNothingToTheNextOne() {
    RigNode a = rig.member();
    Lock first = a.lockspace.lock("r");
    a.grant(first, EX);
    rig.await(first.unlock());
    Lock second = a.lockspace.lock("r");
    a.grant(second, EX);
    var again = first.unlock();
    rig.settle();
    assertThat(again).isCompletedExceptionally();
    assertThat(rig.await(a.lockspace.table()).resources().getFirst().held()).hasSize(1);
  }

  @Test
  void whoLeavesIsNotMourned() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    Lock theirs = b.lockspace.lock("r");
    b.grant(theirs, EX);
    var waiting = a.lockspace.lock("r").convert(EX);
    rig.settle();
    var refused = b.lockspace.lock("other").convert(NL);
    var pending = theirs.convert(PR);
    var left = b.lockspace.leave(Lockspace.Leaving.NEEDS_TAKEOVER);
    assertThat(rig.await(left)).isEqualTo(new LeaveOutcome.Done(3));
    assertThat(List.of(rig.await(refused), rig.await(pending)))
        .allMatch(outcome ->
            outcome instanceof LockOutcome.Left || outcome instanceof LockOutcome.Granted);
    Grant grant = ((LockOutcome.Granted) rig.await(waiting)).grant();
    assertThat(grant.value().valid()).isTrue();
    rig.gone(b);
    rig.settle();
    assertThat(a.told).containsExactly("joined 1 2", "left with work 1 3");
    assertThat(rig.await(theirs.convert(NL))).isEqualTo(new LockOutcome.Left());
  }

  @Test
  void aJoinerPurgesThoseWhoDiedWhileNobodyWasThere() {
    RigNode a = rig.member();
    Lock lock = a.lockspace.lock("r");
    a.grant(lock, EX);
    rig.kill(a);
    RigNode b = rig.member();
    assertThat(b.lockspace.slot()).isEqualTo(1);
    assertThat(b.grant(b.lockspace.lock("r"), EX).value().valid()).isFalse();
  }

  @ParameterizedTest
  @EnumSource
  void aRequestRecognisesItsOwnSuccessWhenItsAnswerIsLost(MemoryStore.Fate fate) {
    RigNode a = rig.member();
    Lock lock = a.lockspace.lock("r");
    Lock other = a.lockspace.lock("s");
    a.grant(lock, NL);
    for (int round = 1; round < 10; round++) {
      a.store.loseAnswer(1, fate);
      RunOutcome outcome =
          rig.await(
              a.lockspace.run(
                  List.of(
                      Step.to(lock, EX),
                      Step.to(other, PW),
                      new Step(other, LockRequest.to(PW).writing(filled(round))))));
      assertThat(outcome.complete()).isTrue();
      assertThat(outcome.grants().get(1).value().content()).isEqualTo(filled(round - 1));
      a.store.loseAnswer(1, fate);
      assertThat(a.grant(lock, LockRequest.to(NL).writing(filled(round))).mode()).isEqualTo(NL);
    }
  }

  @Test
  void aGrantThatWasMissedWhileTheConnectionWasLostIsFound() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    Lock ours = a.lockspace.lock("r");
    Lock theirs = b.lockspace.lock("r");
    a.grant(ours, EX);
    var waiting = theirs.convert(EX);
    rig.settle();
    b.node.cut();
    rig.simulation.run(Duration.ofMillis(100));
    a.grant(ours, NL);
    rig.simulation.run(Duration.ofMillis(100));
    b.node.restore();
    assertThat(rig.await(waiting)).isInstanceOf(LockOutcome.Granted.class);
  }

  @Test
  void whenTheSessionIsLostEverythingEnds() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    Lock ours = a.lockspace.lock("r");
    a.grant(ours, EX);
    Lock theirs = b.lockspace.lock("r");
    var waiting = theirs.convert(EX);
    rig.settle();
    rig.servers.expire(b.store.sessionId());
    assertThat(rig.await(waiting)).isInstanceOf(LockOutcome.Halted.class);
    assertThat(b.told).contains("halted");
    assertThat(rig.await(theirs.unlock())).isInstanceOf(LockOutcome.Halted.class);
    assertThat(rig.await(b.lockspace.leave(Lockspace.Leaving.CLEAN)))
        .isInstanceOf(LeaveOutcome.Halted.class);
  }

  @Test
  void aReadOfAValueShowsWhatOthersWroteOrEndsWithTheSession() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    Lock ours = a.lockspace.lock("r");
    Lock theirs = b.lockspace.lock("r");
    b.grant(theirs, NL);
    a.grant(ours, EX);
    a.grant(ours, LockRequest.to(PW).writing(filled(4)));
    assertThat(rig.await(theirs.read())).isEqualTo(new ValueBlock(filled(4), true));
    b.node.cut();
    var late = theirs.read();
    rig.simulation.run(Duration.ofMinutes(1));
    assertThat(late).isCompletedExceptionally();
    var after = theirs.read();
    rig.settle();
    assertThat(after).isCompletedExceptionally();
  }

  @Test
  void anEjectedNodeCanChangeNothing() {
    rig.member();
    RigNode b = rig.member();
    Lock theirs = b.lockspace.lock("r");
    b.grant(theirs, NL);
    rig.await(b.poison());
    assertThat(b.convert(theirs, LockRequest.to(EX))).isInstanceOf(LockOutcome.Halted.class);
    assertThat(b.overturned).isTrue();
  }

  @Test
  void theTableTellsWhoHoldsAndWhoWaitsForWhom() {
    RigNode a = rig.member();
    RigNode b = rig.member();
    a.grant(a.lockspace.lock("r"), LockRequest.to(CR).noting(Bytes.utf8("hello")));
    var _ = b.lockspace.lock("r").convert(EX);
    rig.settle();
    LockTable table = rig.await(b.lockspace.table());
    assertThat(table.view().generation()).isEqualTo(2);
    LockTable.Resource resource = table.resources().getFirst();
    assertThat(resource.held()).extracting(LockTable.Held::mode).containsExactly(CR);
    assertThat(resource.held().getFirst().note()).isEqualTo(Bytes.utf8("hello"));
    assertThat(resource.waiting().getFirst().wanted()).isEqualTo(EX);
    assertThat(resource.waiting().getFirst().behind()).containsExactly(new Owner(0, 1));
  }

  @Test
  void misuseIsRefusedAndNothingIsDone() {
    RigNode a = rig.member();
    Lock lock = a.lockspace.lock("r");
    a.grant(lock, PW);
    var first = lock.convert(EX);
    assertThat(lock.convert(NL)).isNotDone();
    var second = lock.convert(LockRequest.to(PR));
    rig.settle();
    assertThat(first).isCompleted();
    assertThat(second).isCompletedExceptionally();
    a.grant(lock, PR);
    var writes = lock.convert(LockRequest.to(NL).writing(filled(1)));
    rig.settle();
    assertThat(writes).isCompletedExceptionally();
  }
}
