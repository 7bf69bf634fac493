package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.member.Member.Vote;
import io.mirrorctl.dlm.member.View.News;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * What this node does in each stage of a regroup. One stage at a time; the news of a view are told
 * once, in the order in which the view has them, however often the regroup started again.
 * Threading: the loop.
 */
final class StageWork {
  private final Incarnation self;
  private final MembershipListener listener;
  private final IoGate gate;
  private final OwnLoop loop;
  private final Arbitration arbitration;
  private final Consumer<View> goBy;
  private final Function<View, ClusterInfo> info;
  private final Set<News> told = new LinkedHashSet<>();
  private CompletionStage<Void> settled = CompletableFuture.completedFuture(null);
  private boolean begun;

  /**
   * @param goBy makes a view the one by which this node goes
   * @param info the view for the node above
   */
  StageWork(
      Incarnation self,
      MembershipListener listener,
      IoGate gate,
      OwnLoop loop,
      Arbitration arbitration,
      Consumer<View> goBy,
      Function<View, ClusterInfo> info) {
    this.self = self;
    this.listener = listener;
    this.gate = gate;
    this.loop = loop;
    this.arbitration = arbitration;
    this.goBy = goBy;
    this.info = info;
  }

  /**
   * Does what the view's stage asks for.
   *
   * @return complete, on any thread, when this node has passed the stage
   */
  CompletionStage<Vote> run(View view) {
    return switch (view.stage()) {
      case PUT_OFF -> passed(gate.release(HoldCause.REGROUP));
      case HOLD ->
          gate.hold(HoldCause.REGROUP).thenComposeAsync(_ -> arbitration.vote(view, self), loop);
      case NEW_VIEW -> {
        goBy.accept(view);
        yield done();
      }
      case CLEAN_UP_1 -> passed(listener.cleanUpFirst(view.dead(), view.epoch()));
      case CLEAN_UP_2 -> passed(listener.cleanUpSecond(view.dead(), view.epoch()));
      case SETTLE -> {
        settled = listener.settle(info.apply(view));
        yield passed(settled);
      }
      case RESUME -> {
        gate.release(HoldCause.JOINING);
        yield passed(gate.release(HoldCause.REGROUP));
      }
      case TELL -> {
        tell(view);
        yield done();
      }
      case STABLE -> done();
    };
  }

  /** Complete, on any thread, when no callback settles any more: its I/O is not held. */
  CompletionStage<Void> settled() {
    return settled;
  }

  private static CompletionStage<Vote> done() {
    return CompletableFuture.completedFuture(Vote.NONE);
  }

  private static CompletionStage<Vote> passed(CompletionStage<Void> stage) {
    return stage.thenApply(_ -> Vote.NONE);
  }

  private void tell(View view) {
    if (!begun) {
      // what was before this node's own time is no news to it
      begun = true;
      view.news().stream().takeWhile(item -> !item.id().equals(self)).forEach(told::add);
    }
    Set<Incarnation> down = new LinkedHashSet<>();
    for (News item : view.news()) {
      if (told.add(item)) {
        switch (item.kind()) {
          case UP -> {
            tellDown(down, view.epoch());
            listener.nodeUp(item.id(), item.epoch());
          }
          case LEFT, DIED -> {
            listener.nodeDown(item.id(), item.kind() == News.Kind.LEFT, item.epoch());
            down.add(item.id());
          }
        }
      }
    }
    tellDown(down, view.epoch());
    told.retainAll(view.news());
  }

  private void tellDown(Set<Incarnation> down, long epoch) {
    if (!down.isEmpty()) {
      listener.nodesDown(Set.copyOf(down), epoch);
      down.clear();
    }
  }
}
