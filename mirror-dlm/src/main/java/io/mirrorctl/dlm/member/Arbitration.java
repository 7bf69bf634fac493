package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.member.Arbiter.Question;
import io.mirrorctl.dlm.member.Member.Vote;
import io.mirrorctl.dlm.member.View.Accusation;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.stream.Collectors;

/**
 * Asks this node's arbiter within the limits of time that the settings give. Threading: the loop.
 */
final class Arbitration {
  private final Arbiter arbiter;
  private final OwnLoop loop;
  private final Duration timeout;
  private final Duration equaliser;

  Arbitration(Arbiter arbiter, OwnLoop loop, MemberSettings settings) {
    this.arbiter = arbiter;
    this.loop = loop;
    this.timeout = settings.arbitrationTimeout();
    this.equaliser = settings.equaliser();
  }

  /** This node's vote in the regroup of this view. */
  CompletableFuture<Vote> vote(View view, Incarnation self) {
    if (!view.arbitrate()) {
      return CompletableFuture.completedFuture(Vote.NONE);
    }
    var question =
        new Question(
            self,
            Set.copyOf(view.ids(Member::takesPart)),
            missing(view),
            view.accusations().stream().map(Accusation::of).collect(Collectors.toUnmodifiableSet()),
            view.epoch());
    boolean defends = view.owner().isEmpty() || view.owner().get().equals(self);
    var vote = new CompletableFuture<Vote>();
    var limit = loop.after(timeout, () -> vote.complete(Vote.LOST));
    var mayWin = new CompletableFuture<Void>();
    if (defends) {
      mayWin.complete(null);
    } else {
      loop.after(equaliser, () -> mayWin.complete(null));
    }
    loop.then(
        ask(question),
        (won, failure) -> {
          if (failure == null && won) {
            loop.when(mayWin, _ -> vote.complete(Vote.WON));
          } else {
            vote.complete(Vote.LOST);
          }
        });
    loop.when(vote, _ -> limit.cancel());
    return vote;
  }

  private static Set<Incarnation> missing(View view) {
    Set<Incarnation> missing = new HashSet<>(view.dead());
    missing.addAll(view.ids(m -> m.state() == Member.State.QUIET));
    return Set.copyOf(missing);
  }

  private CompletionStage<Boolean> ask(Question question) {
    try {
      return arbiter.decide(question);
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
  }
}
