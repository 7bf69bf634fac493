package io.mirrorctl.dlm.member;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.member.Member.State;
import io.mirrorctl.dlm.member.Member.Vote;
import io.mirrorctl.dlm.member.View.News;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The rules by which the view changes, alone. */
class RegroupTest {
  private static final int TIMEOUT = 9_000;

  private static View join(View view, int node) {
    var id = new Incarnation(node, view.nextIncarnation());
    return Regroup.begin(
        view, Set.of(), Optional.of(Member.joining(id, id.number(), TIMEOUT)), id + " joins");
  }

  /** Everybody who takes part passes the stage. */
  private static View pass(View view, Vote vote) {
    View now = view;
    for (Incarnation id : view.ids(Member::takesPart)) {
      now = Regroup.passed(now, id, view.epoch(), view.stage(), vote);
    }
    return now;
  }

  private static View finish(View view) {
    View now = view;
    while (!now.stable()) {
      now = pass(now, Vote.NONE);
    }
    return now;
  }

  /** The stable view of nodes 1 to so many, with incarnations of the same numbers. */
  private static View of(int nodes) {
    View view = View.EMPTY;
    for (int node = 1; node <= nodes; node++) {
      view = finish(join(view, node));
    }
    return view;
  }

  private static Incarnation id(int node) {
    return new Incarnation(node, node);
  }

  private static View without(View view, Integer... dead) {
    Set<Incarnation> gone =
        List.of(dead).stream().map(RegroupTest::id).collect(Collectors.toUnmodifiableSet());
    return Regroup.begin(view, gone, Optional.empty(), "gone");
  }

  @Test
  void aStageIsPassedByTheLastOne() {
    View view = join(of(2), 3);
    assertThat(view.stage()).isEqualTo(Stage.HOLD);
    view = Regroup.passed(view, id(1), view.epoch(), Stage.HOLD, Vote.NONE);
    view = Regroup.passed(view, id(3), view.epoch(), Stage.HOLD, Vote.NONE);
    assertThat(view.stage()).isEqualTo(Stage.HOLD);
    view = Regroup.passed(view, id(2), view.epoch(), Stage.HOLD, Vote.NONE);
    assertThat(view.stage()).isEqualTo(Stage.NEW_VIEW);
  }

  @Test
  void whatBelongsToAnEarlierStageOrEpochChangesNothing() {
    View view = join(of(2), 3);
    assertThat(Regroup.passed(view, id(1), view.epoch() - 1, Stage.HOLD, Vote.NONE))
        .isEqualTo(view);
    assertThat(Regroup.passed(view, id(1), view.epoch(), Stage.NEW_VIEW, Vote.NONE))
        .isEqualTo(view);
    assertThat(Regroup.passed(view, new Incarnation(9, 9), view.epoch(), Stage.HOLD, Vote.NONE))
        .isEqualTo(view);
  }

  @Test
  void aJoinerIsUpWhenTheRegroupIsOver() {
    View view = join(of(1), 2);
    assertThat(view.node(2).orElseThrow().state()).isEqualTo(State.JOINING);
    assertThat(finish(view).node(2).orElseThrow().state()).isEqualTo(State.UP);
  }

  @Test
  void aDeathInARegroupStartsItAgainAndKeepsTheNews() {
    View view = pass(pass(join(of(3), 4), Vote.NONE), Vote.NONE);
    assertThat(view.stage()).isEqualTo(Stage.CLEAN_UP_1);
    View again = without(view, 2);
    assertThat(again.stage()).isEqualTo(Stage.HOLD);
    assertThat(again.epoch()).isEqualTo(view.epoch() + 1);
    assertThat(again.members()).allMatch(m -> m.passed().isEmpty());
    assertThat(again.news())
        .containsExactly(new News(4, News.Kind.UP, id(4)), new News(5, News.Kind.DIED, id(2)));
    assertThat(without(finish(again), 3).news())
        .containsExactly(new News(6, News.Kind.DIED, id(3)));
  }

  @Test
  void aMemberThatLeavesIsNotWaitedForAndGoesWithTheNextRegroup() {
    View view = Regroup.begin(of(2), Set.of(), Optional.empty(), "forced");
    view = Regroup.passed(view, id(1), view.epoch(), Stage.HOLD, Vote.NONE);
    view = Regroup.out(view, id(2), State.LEFT);
    assertThat(view.stage()).isEqualTo(Stage.NEW_VIEW);
    view = Regroup.begin(finish(view), Set.of(), Optional.empty(), "left");
    assertThat(view.active()).containsExactly(id(1));
    assertThat(view.news()).containsExactly(new News(4, News.Kind.LEFT, id(2)));
    assertThat(view.arbitrate()).isFalse();
  }

  @Test
  void whatWasReachedSinceIoRanLastIsKept() {
    View view = Regroup.begin(of(3), Set.of(), Optional.empty(), "forced");
    assertThat(view.reached()).isEqualTo(Stage.HOLD);
    view = pass(pass(pass(view, Vote.NONE), Vote.NONE), Vote.NONE);
    assertThat(view.stage()).isEqualTo(Stage.CLEAN_UP_2);
    view = Regroup.again(view, Set.of(), Set.of(id(3)), "again");
    assertThat(view.reached()).isEqualTo(Stage.CLEAN_UP_2);
    view = pass(view, Vote.NONE);
    assertThat(view.stage()).isEqualTo(Stage.NEW_VIEW);
    view = Regroup.again(view, Set.of(), Set.of(), "again");
    assertThat(view.reached()).isEqualTo(Stage.CLEAN_UP_2);
    assertThat(Regroup.begin(finish(view), Set.of(), Optional.empty(), "forced").reached())
        .isEqualTo(Stage.HOLD);
  }

  @Test
  void whoHasHeldItsIoAndWasNotToldOtherwiseIsQuiet() {
    View hold = Regroup.begin(of(3), Set.of(), Optional.empty(), "forced");
    assertThat(isQuiet(hold, 2)).isFalse();
    hold = Regroup.passed(hold, id(2), hold.epoch(), Stage.HOLD, Vote.NONE);
    assertThat(isQuiet(hold, 2)).isTrue();
    assertThat(isQuiet(hold, 3)).isFalse();
    View view = pass(hold, Vote.NONE);
    assertThat(isQuiet(view, 3)).isTrue();
    assertThat(isQuiet(Regroup.again(view, Set.of(), Set.of(id(2)), "again"), 3)).isTrue();
    View settle = pass(pass(pass(view, Vote.NONE), Vote.NONE), Vote.NONE);
    assertThat(settle.stage()).isEqualTo(Stage.SETTLE);
    assertThat(isQuiet(settle, 3)).isFalse();
    assertThat(isQuiet(Regroup.again(settle, Set.of(), Set.of(id(2)), "again"), 3)).isFalse();
    settle = Regroup.passed(settle, id(3), settle.epoch(), Stage.SETTLE, Vote.NONE);
    assertThat(isQuiet(settle, 3)).isTrue();
    View resume = pass(settle, Vote.NONE);
    assertThat(resume.stage()).isEqualTo(Stage.RESUME);
    assertThat(isQuiet(resume, 3)).isFalse();
  }

  private static boolean isQuiet(View view, int node) {
    return Regroup.isQuiet(view, view.node(node).orElseThrow());
  }

  @Test
  void whoIsQuietIsNotWaitedForAndCountsAsMissingForTheArbiters() {
    View view = Regroup.begin(of(2).ownedBy(Optional.of(id(2))), Set.of(), Optional.empty(), "f");
    view = Regroup.again(pass(view, Vote.NONE), Set.of(), Set.of(id(2)), "without it");
    assertThat(view.arbitrate()).isTrue();
    assertThat(view.owner()).isEmpty();
    view = finish(view);
    assertThat(view.active()).containsExactly(id(1), id(2));
    assertThat(view.winner()).contains(id(1));
    assertThat(without(view, 2).news()).containsExactly(new News(5, News.Kind.DIED, id(2)));
  }

  @Test
  void aRegroupThatIsPutOffStaysSoUntilItBeginsAgain() {
    View view = Regroup.putOff(join(of(2), 3), Set.of(), "put off");
    assertThat(pass(view, Vote.NONE).stage()).isEqualTo(Stage.PUT_OFF);
    View again = without(view, 2);
    assertThat(again.stage()).isEqualTo(Stage.HOLD);
    assertThat(finish(again).active()).containsExactly(id(1), id(3));
  }

  @Test
  void aMemberThatHaltedIsNewsOfADeath() {
    View view = Regroup.out(of(3), id(2), State.HALTED);
    view = Regroup.begin(view, Set.of(), Optional.empty(), "halted");
    assertThat(view.dead()).containsExactly(id(2));
  }

  @Test
  void theLastOneToLeaveLeavesAStableEmptyView() {
    View view = Regroup.out(of(1), id(1), State.LEFT);
    assertThat(view.stable()).isTrue();
    assertThat(view.members()).isEmpty();
    assertThat(view.nextIncarnation()).isEqualTo(2);
  }

  @Test
  void aStoppingMemberIsNotWaitedForAndItsEndIsALeave() {
    View view = Regroup.stopping(of(2), id(2));
    view = finish(Regroup.begin(view, Set.of(), Optional.empty(), "forced"));
    assertThat(view.active()).containsExactly(id(1), id(2));
    View gone = without(view, 2);
    assertThat(gone.news()).containsExactly(new News(4, News.Kind.LEFT, id(2)));
    assertThat(gone.arbitrate()).isFalse();
  }

  @Test
  void arbitersAreAskedWhenHalfOrLessSurvive() {
    assertThat(without(of(3), 3).arbitrate()).isFalse();
    assertThat(without(of(4), 3).arbitrate()).isFalse();
    assertThat(without(of(4), 3, 4).arbitrate()).isTrue();
    assertThat(without(of(5), 3, 4, 5).arbitrate()).isTrue();
    assertThat(without(of(2), 2).arbitrate()).isTrue();
  }

  @Test
  void deathsWithinOneRegroupAddUp() {
    View view = without(of(4), 4);
    assertThat(view.arbitrate()).isFalse();
    assertThat(without(view, 3).arbitrate()).isTrue();
  }

  @Test
  void theFirstToWinIsTheWinner() {
    View view = without(of(4), 3, 4);
    view = Regroup.passed(view, id(2), view.epoch(), Stage.HOLD, Vote.WON);
    view = Regroup.passed(view, id(1), view.epoch(), Stage.HOLD, Vote.WON);
    assertThat(view.winner()).contains(id(2));
    assertThat(view.stage()).isEqualTo(Stage.NEW_VIEW);
  }

  @Test
  void ifAllLoseTheRegroupStaysInHold() {
    View view = pass(without(of(4), 3, 4), Vote.LOST);
    assertThat(view.stage()).isEqualTo(Stage.HOLD);
    assertThat(Regroup.lostByAll(view)).isTrue();
  }

  @Test
  void whoLosesAndIsAccusedByTheWinnerHasLost() {
    View view = Regroup.accused(of(2), id(1), id(2));
    assertThat(view.arbitrate()).isTrue();
    view = Regroup.passed(view, id(2), view.epoch(), Stage.HOLD, Vote.LOST);
    assertThat(Regroup.lostBy(view, id(2))).isFalse();
    view = Regroup.passed(view, id(1), view.epoch(), Stage.HOLD, Vote.WON);
    assertThat(Regroup.lostBy(view, id(2))).isTrue();
    assertThat(Regroup.lostBy(view, id(1))).isFalse();
  }

  @Test
  void aReportOfOneAmongThreeNeedsNoArbiter() {
    View view = Regroup.accused(of(3), id(1), id(2));
    assertThat(view.stage()).isEqualTo(Stage.HOLD);
    assertThat(view.arbitrate()).isFalse();
    assertThat(Regroup.accused(view, id(1), id(2))).isEqualTo(view);
    assertThat(Regroup.accused(view, id(3), id(2)).epoch()).isEqualTo(view.epoch() + 1);
  }

  @Test
  void withoutArbitrationTheOwnerWinsElseTheLowest() {
    View view = of(3);
    assertThat(finish(without(view, 1)).winner()).contains(id(2));
    View owned = view.ownedBy(Optional.of(id(3)));
    assertThat(finish(without(owned, 1)).winner()).contains(id(3));
    assertThat(finish(without(owned, 3)).owner()).isEmpty();
  }

  @Test
  void aCauseIsOneShortLine() {
    assertThat(Regroup.shortened(" a\nb" + "c".repeat(500))).hasSize(200).startsWith("a bc");
  }
}
