package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.member.ClusterMember.Phase;
import io.mirrorctl.dlm.member.Membership.Wait;
import io.mirrorctl.dlm.member.ViewEntry.Attempt;
import io.mirrorctl.dlm.member.ViewEntry.Outcome;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.Supplier;

/** The winner of the arbitration and the owner of the quorum. Threading: the loop. */
final class Quorum {
  private final ClusterMember member;

  Quorum(ClusterMember member) {
    this.member = member;
  }

  CompletableFuture<QuorumResult> winner(Wait wait) {
    return afterRegroup(
        wait,
        () -> {
          View view = member.view();
          return CompletableFuture.completedFuture(
              view.winner().isPresent()
                  ? new QuorumResult.Chosen(view.winner(), view.epoch())
                  : undecided(view));
        });
  }

  CompletableFuture<QuorumResult> set(int node, Wait wait) {
    View asked = member.view();
    return afterRegroup(
        wait, () -> apply(now -> set(now, node, asked), () -> set(node, wait), wait));
  }

  CompletableFuture<QuorumResult> giveUp(Wait wait) {
    // the answer to the commit may be lost: then the next attempt finds it done
    var tried = new AtomicBoolean();
    return afterRegroup(wait, () -> apply(now -> giveUp(now, tried), () -> giveUp(wait), wait));
  }

  /** Runs the question now or, if it may wait, when the regroup under way is over. */
  private CompletableFuture<QuorumResult> afterRegroup(
      Wait wait, Supplier<CompletableFuture<QuorumResult>> question) {
    Optional<QuorumResult> refusal = refusal();
    if (refusal.isPresent()) {
      return CompletableFuture.completedFuture(refusal.get());
    }
    if (wait == Wait.NO || member.view().stable()) {
      return question.get();
    }
    var result = new CompletableFuture<QuorumResult>();
    member.whenStable(() -> member.loop().when(afterRegroup(wait, question), result::complete));
    return result;
  }

  private Optional<QuorumResult> refusal() {
    if (member.phase() != Phase.MEMBER) {
      return Optional.of(
          new QuorumResult.NotMember(
              "node %d is no member of the cluster: %s"
                  .formatted(member.settings().node(), member.word())));
    }
    if (member.isSuspended()) {
      return Optional.of(
          new QuorumResult.Transient(
              "node %d: the servers do not answer".formatted(member.settings().node())));
    }
    return Optional.empty();
  }

  private CompletableFuture<QuorumResult> apply(
      Function<View, Attempt<Optional<QuorumResult>>> change,
      Supplier<CompletableFuture<QuorumResult>> again,
      Wait wait) {
    return member
        .attempt(change)
        .thenCompose(outcome -> {
          if (outcome instanceof Outcome.Done<Optional<QuorumResult>>(var answer)) {
            if (answer.isPresent()) {
              return CompletableFuture.completedFuture(answer.get());
            }
            // a regroup has come in between
            return wait == Wait.FOR_REGROUP
                ? again.get()
                : CompletableFuture.completedFuture(undecided(member.view()));
          }
          return CompletableFuture.completedFuture(
              new QuorumResult.NotMember(
                  "node %d is no member of the cluster any more"
                      .formatted(member.settings().node())));
        });
  }

  private static QuorumResult undecided(View view) {
    return new QuorumResult.Otherwise(
        view.winner(),
        "a regroup is under way (epoch %d, %s); %s"
            .formatted(
                view.epoch(),
                view.stage(),
                view.winner().map(w -> w + " was chosen").orElse("it has not chosen yet")));
  }

  private static Attempt<Optional<QuorumResult>> answer(View now, QuorumResult answer) {
    return new Attempt<>(now, List.of(), Optional.of(answer));
  }

  private static QuorumResult otherwise(Optional<Incarnation> chosen, String text) {
    return new QuorumResult.Otherwise(chosen, text);
  }

  private Attempt<Optional<QuorumResult>> set(View now, int node, View asked) {
    if (!now.stable()) {
      return new Attempt<>(now, List.of(), Optional.empty());
    }
    Optional<Member> target = now.node(node).filter(m -> m.state() == Member.State.UP);
    if (target.isEmpty()) {
      return answer(now, new QuorumResult.NotMember("node %d is no active member".formatted(node)));
    }
    Optional<Incarnation> wanted = Optional.of(target.get().id());
    if (now.owner().equals(wanted)) {
      return answer(now, new QuorumResult.Chosen(wanted, now.epoch()));
    }
    boolean regroupBetween = asked.epoch() != now.epoch() || !asked.stable();
    if ((regroupBetween || now.owner().isEmpty()) && !now.winner().equals(wanted)) {
      return answer(
          now,
          otherwise(
              now.winner(),
              "the regroup of epoch %d has chosen %s"
                  .formatted(
                      now.epoch(), now.winner().map(Incarnation::toString).orElse("nobody"))));
    }
    if (now.owner().isPresent() && !now.owner().equals(member.self()) && !regroupBetween) {
      return answer(
          now,
          otherwise(
              now.owner(), "%s owns the quorum and can hand it on".formatted(now.owner().get())));
    }
    return new Attempt<>(
        now.ownedBy(wanted), List.of(), Optional.of(new QuorumResult.Chosen(wanted, now.epoch())));
  }

  private Attempt<Optional<QuorumResult>> giveUp(View now, AtomicBoolean tried) {
    if (tried.get() && !now.owner().equals(member.self())) {
      return answer(now, new QuorumResult.Chosen(Optional.empty(), now.epoch()));
    }
    if (!now.stable()) {
      return new Attempt<>(now, List.of(), Optional.empty());
    }
    if (!now.owner().equals(member.self())) {
      return answer(
          now,
          otherwise(
              now.owner(),
              now.owner()
                  .map(owner -> owner + " owns the quorum, not this node")
                  .orElse("nobody owns the quorum")));
    }
    tried.set(true);
    return new Attempt<>(
        now.ownedBy(Optional.empty()),
        List.of(),
        Optional.of(new QuorumResult.Chosen(Optional.empty(), now.epoch())));
  }
}
