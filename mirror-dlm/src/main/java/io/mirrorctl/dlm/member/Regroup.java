package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.member.View.Accusation;
import io.mirrorctl.dlm.member.View.News;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The rules by which the view changes: pure functions from a view to the next, which a member
 * commits by compare-and-set. One that does not fit the view any more returns it as it is.
 */
final class Regroup {
  private static final int LONGEST_CAUSE = 200;

  private Regroup() {}

  /**
   * Starts a regroup, or starts the one under way again with a higher epoch.
   *
   * @param dead whose lease is surely over, and who are surely fenced
   * @param joiner to be let in
   */
  static View begin(View now, Set<Incarnation> dead, Optional<Member> joiner, String cause) {
    return begin(now, dead, Set.of(), joiner, List.of(), cause);
  }

  /**
   * Starts the regroup under way again.
   *
   * @param quiet see {@link Member.State#QUIET}
   */
  static View again(View now, Set<Incarnation> dead, Set<Incarnation> quiet, String cause) {
    return begin(now, dead, quiet, Optional.empty(), List.of(), cause);
  }

  /**
   * Ends HOLD without a new view: I/O runs by the last one until the regroup is started again. Only
   * for a view that has not {@link View#reached} more.
   */
  static View putOff(View now, Set<Incarnation> quiet, String cause) {
    return again(now, Set.of(), quiet, cause).at(Stage.PUT_OFF);
  }

  private static View begin(
      View now,
      Set<Incarnation> dead,
      Set<Incarnation> quiet,
      Optional<Member> joiner,
      List<Accusation> accusations,
      String cause) {
    long epoch = now.epoch() + 1;
    List<Member> members = new ArrayList<>();
    List<News> news = new ArrayList<>(now.stable() ? List.of() : now.news());
    for (Member member : now.members()) {
      switch (member.state()) {
        case LEFT -> news.add(new News(epoch, News.Kind.LEFT, member.id()));
        case HALTED -> news.add(new News(epoch, News.Kind.DIED, member.id()));
        case STOPPING -> {
          if (dead.contains(member.id())) {
            news.add(new News(epoch, News.Kind.LEFT, member.id()));
          } else {
            members.add(member.anew());
          }
        }
        case JOINING, UP, QUIET -> {
          if (dead.contains(member.id())) {
            news.add(new News(epoch, News.Kind.DIED, member.id()));
          } else if (quiet.contains(member.id())) {
            members.add(member.at(Member.State.QUIET).anew());
          } else {
            members.add(member.anew());
          }
        }
      }
    }
    joiner.ifPresent(m -> {
      members.add(m);
      news.add(new News(epoch, News.Kind.UP, m.id()));
    });
    View next =
        new View(
            epoch,
            Stage.HOLD,
            reached(now),
            now.nextIncarnation() + (joiner.isPresent() ? 1 : 0),
            List.of(),
            news,
            false,
            Optional.empty(),
            now.owner().filter(owner -> !quiet.contains(owner)),
            kept(now, accusations, members),
            shortened(cause));
    return advance(arbitrated(next.with(members)));
  }

  private static Stage reached(View now) {
    return switch (now.stage()) {
      case PUT_OFF, RESUME, TELL, STABLE -> Stage.HOLD;
      case HOLD -> now.reached();
      case NEW_VIEW, CLEAN_UP_1, CLEAN_UP_2, SETTLE ->
          now.reached().covers(now.stage()) ? now.reached() : now.stage();
    };
  }

  private static List<Accusation> kept(View now, List<Accusation> added, List<Member> members) {
    Set<Accusation> all = new LinkedHashSet<>(now.stable() ? List.of() : now.accusations());
    all.addAll(added);
    List<Incarnation> left = members.stream().map(Member::id).toList();
    return all.stream().filter(a -> left.contains(a.by()) && left.contains(a.of())).toList();
  }

  /** Values with control characters or without end do not get into the record. */
  static String shortened(String text) {
    String line = text.strip().replaceAll("\\p{Cntrl}", " ");
    return line.length() <= LONGEST_CAUSE ? line : line.substring(0, LONGEST_CAUSE);
  }

  /** With the question of the arbiters answered: are they asked? */
  private static View arbitrated(View view) {
    Set<Incarnation> up = new HashSet<>(view.ids(m -> m.state() == Member.State.UP));
    Set<Incarnation> away = new HashSet<>(view.dead());
    away.addAll(view.ids(m -> m.state() == Member.State.QUIET));
    // one that joined within this regroup was no part of the previous view
    view.news().stream()
        .filter(item -> item.kind() == News.Kind.UP)
        .forEach(item -> away.remove(item.id()));
    for (Accusation accusation : view.accusations()) {
      if (up.remove(accusation.of())) {
        away.add(accusation.of());
      }
    }
    boolean ask = !away.isEmpty() && up.size() <= away.size();
    return new View(
        view.epoch(),
        view.stage(),
        view.reached(),
        view.nextIncarnation(),
        view.members(),
        view.news(),
        ask,
        view.winner(),
        view.owner(),
        view.accusations(),
        view.cause());
  }

  /** A member has passed a stage; if it was the last, the next stage begins. */
  static View passed(View now, Incarnation who, long epoch, Stage stage, Member.Vote vote) {
    Optional<Member> member = now.member(who);
    if (now.epoch() != epoch
        || now.stage() != stage
        || member.isEmpty()
        || !member.get().takesPart()
        || member.get().hasPassed(stage)) {
      return now;
    }
    View next = now.with(member.get().past(stage, vote));
    if (vote == Member.Vote.WON && next.winner().isEmpty()) {
      next = next.wonBy(Optional.of(who));
    }
    return advance(next);
  }

  /**
   * A member says that it is gone for good, its I/O having returned.
   *
   * @param as LEFT or HALTED
   */
  static View out(View now, Incarnation who, Member.State as) {
    Optional<Member> member = now.member(who);
    if (member.isEmpty() || member.get().isOut()) {
      return now;
    }
    View next = vacated(now.with(member.get().at(as)), who);
    if (next.active().isEmpty()) {
      return begin(next, Set.of(), Optional.empty(), who + " was the last one");
    }
    return advance(next);
  }

  /** A member takes part no more, its I/O having returned. */
  static View stopping(View now, Incarnation who) {
    Optional<Member> member = now.member(who);
    if (member.isEmpty() || !member.get().takesPart()) {
      return now;
    }
    return advance(vacated(now.with(member.get().at(Member.State.STOPPING)), who));
  }

  private static View vacated(View view, Incarnation who) {
    return view.owner().equals(Optional.of(who)) ? view.ownedBy(Optional.empty()) : view;
  }

  /** One member reports that it cannot reach another. */
  static View accused(View now, Incarnation by, Incarnation of) {
    Accusation accusation = new Accusation(by, of);
    if (now.member(by).isEmpty() || now.member(of).isEmpty()) {
      return now;
    }
    if (!now.stable() && now.accusations().contains(accusation)) {
      return now;
    }
    return begin(
        now, Set.of(), Set.of(), Optional.empty(), List.of(accusation), by + " cannot reach " + of);
  }

  /** An operator says that the member can write no more. */
  static View vouched(View now, Incarnation who) {
    return now.member(who).map(m -> now.with(m.withWord())).orElse(now);
  }

  /** Whether all who could win the arbitration of this regroup have lost it. */
  static boolean lostByAll(View view) {
    return view.stage() == Stage.HOLD
        && view.arbitrate()
        && view.winner().isEmpty()
        && view.members().stream().anyMatch(Member::takesPart)
        && view.members().stream()
            .filter(Member::takesPart)
            .allMatch(m -> m.vote() == Member.Vote.LOST);
  }

  /**
   * Whether the arbitration of this regroup went against the member: the winner, who cannot reach
   * it, won, and it lost.
   */
  static boolean lostBy(View view, Incarnation who) {
    return view.arbitrate()
        && view.stage() != Stage.HOLD
        && view.winner().isPresent()
        && view.accusations().contains(new Accusation(view.winner().get(), who))
        && view.member(who).filter(m -> m.vote() == Member.Vote.LOST).isPresent();
  }

  private static View advance(View now) {
    View view = now;
    while (!view.stable()
        && view.stage() != Stage.PUT_OFF
        && passedByAll(view)
        && !lostByAll(view)) {
      view =
          switch (view.stage()) {
            case HOLD -> decided(view).at(Stage.NEW_VIEW);
            case TELL -> finished(view);
            default -> view.at(view.stage().next());
          };
    }
    return view;
  }

  /**
   * Whether a member that can renew its lease no more has its I/O held and will not let it run
   * again: it has said so, and has not been told otherwise since. What it does in SETTLE is I/O of
   * another kind.
   */
  static boolean isQuiet(View view, Member member) {
    return switch (view.stage()) {
      case HOLD -> member.hasPassed(Stage.HOLD) || reachedNewView(view);
      case NEW_VIEW, CLEAN_UP_1, CLEAN_UP_2 -> true;
      case SETTLE -> member.hasPassed(Stage.SETTLE);
      case PUT_OFF, RESUME, TELL, STABLE -> false;
    };
  }

  /** All have held their I/O then, or have not had any yet; none has begun to settle. */
  private static boolean reachedNewView(View view) {
    return view.reached().covers(Stage.NEW_VIEW) && !view.reached().covers(Stage.SETTLE);
  }

  private static boolean passedByAll(View view) {
    return view.members().stream()
        .filter(Member::takesPart)
        .allMatch(m -> m.hasPassed(view.stage()));
  }

  private static View decided(View view) {
    Optional<Incarnation> owner = view.owner().filter(o -> view.member(o).isPresent());
    Optional<Incarnation> winner = view.winner();
    if (winner.isEmpty() || view.member(winner.get()).isEmpty()) {
      winner = owner;
    }
    if (winner.isEmpty()) {
      winner = view.ids(m -> m.state() == Member.State.UP).stream().findFirst();
    }
    if (winner.isEmpty()) {
      winner = view.ids(Member::takesPart).stream().findFirst();
    }
    return view.ownedBy(owner).wonBy(winner);
  }

  private static View finished(View view) {
    return view.each(m -> m.state() == Member.State.JOINING ? m.at(Member.State.UP) : m)
        .at(Stage.STABLE);
  }
}
