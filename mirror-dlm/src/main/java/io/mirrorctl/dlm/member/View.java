package io.mirrorctl.dlm.member;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/**
 * Everything the members agree on: one entry of the store. How it may change is the affair of
 * {@link Regroup}.
 *
 * @param epoch of the regroup under way or, when {@code stage} is STABLE, of the last one
 * @param reached the furthest stage since I/O ran last: from NEW_VIEW on it cannot run by the view
 *     before any more
 * @param nextIncarnation number of the next node to join
 * @param members by node number; while a regroup is under way those of the view to come
 * @param news who came and went since the last regroup that was finished, in order
 * @param arbitrate whether this regroup asks the arbiters
 * @param winner of the arbitration; empty until it is decided
 * @param owner of the quorum
 * @param accusations reports of unreachable nodes in this regroup
 * @param cause of the regroup, for people
 */
record View(
    long epoch,
    Stage stage,
    Stage reached,
    long nextIncarnation,
    List<Member> members,
    List<News> news,
    boolean arbitrate,
    Optional<Incarnation> winner,
    Optional<Incarnation> owner,
    List<Accusation> accusations,
    String cause) {

  /** That a node came or went with a regroup. */
  record News(long epoch, Kind kind, Incarnation id) {
    enum Kind {
      UP,
      LEFT,
      DIED
    }
  }

  /** That one member cannot reach another. */
  record Accusation(Incarnation by, Incarnation of) {}

  /** Of a cluster that nobody has joined yet. */
  static final View EMPTY =
      new View(
          0,
          Stage.STABLE,
          Stage.HOLD,
          1,
          List.of(),
          List.of(),
          false,
          Optional.empty(),
          Optional.empty(),
          List.of(),
          "nobody has joined yet");

  View {
    members = List.copyOf(members);
    news = List.copyOf(news);
    accusations = List.copyOf(accusations);
  }

  boolean stable() {
    return stage == Stage.STABLE;
  }

  Optional<Member> member(Incarnation id) {
    return members.stream().filter(m -> m.id().equals(id)).findFirst();
  }

  /** The member with that number, if there is one. */
  Optional<Member> node(int number) {
    return members.stream().filter(m -> m.id().node() == number).findFirst();
  }

  /** Members that have not said that they are gone. */
  List<Incarnation> active() {
    return ids(m -> !m.isOut());
  }

  List<Incarnation> ids(Predicate<Member> which) {
    return members.stream().filter(which).map(Member::id).toList();
  }

  /** Those that went without leaving, since the last regroup that was finished. */
  Set<Incarnation> dead() {
    return news.stream()
        .filter(item -> item.kind() == News.Kind.DIED)
        .map(News::id)
        .collect(Collectors.toUnmodifiableSet());
  }

  View with(Member changed) {
    return each(m -> m.id().equals(changed.id()) ? changed : m);
  }

  View each(UnaryOperator<Member> change) {
    return with(members.stream().map(change).toList());
  }

  View with(List<Member> others) {
    List<Member> sorted = new ArrayList<>(others);
    sorted.sort(Comparator.comparing(Member::id));
    return new View(
        epoch,
        stage,
        reached,
        nextIncarnation,
        sorted,
        news,
        arbitrate,
        winner,
        owner,
        accusations,
        cause);
  }

  View at(Stage other) {
    return new View(
        epoch,
        other,
        reached,
        nextIncarnation,
        members,
        news,
        arbitrate,
        winner,
        owner,
        accusations,
        cause);
  }

  View wonBy(Optional<Incarnation> who) {
    return new View(
        epoch,
        stage,
        reached,
        nextIncarnation,
        members,
        news,
        arbitrate,
        who,
        owner,
        accusations,
        cause);
  }

  View ownedBy(Optional<Incarnation> who) {
    return new View(
        epoch,
        stage,
        reached,
        nextIncarnation,
        members,
        news,
        arbitrate,
        winner,
        who,
        accusations,
        cause);
  }
}
