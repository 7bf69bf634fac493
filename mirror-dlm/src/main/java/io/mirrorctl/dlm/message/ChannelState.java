package io.mirrorctl.dlm.message;

import io.mirrorctl.core.env.Invariant;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.lock.LockOutcome;
import io.mirrorctl.dlm.lock.RunOutcome;
import io.mirrorctl.dlm.lock.ValueBlock;
import io.mirrorctl.dlm.message.ChannelLocks.Ask;
import io.mirrorctl.dlm.message.ClusterMessage.Fact;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** What sending and receiving of one node share. Touched on the loop only. */
final class ChannelState {
  private final ChannelLocks locks;
  private final Loop loop;
  private final ChannelListener listener;
  private final List<Consumer<String>> onEnd = new ArrayList<>();
  private Optional<String> end = Optional.empty();
  private int sequence;
  private Answer answer = new Answer.Accepted();
  private boolean verified;

  ChannelState(ChannelLocks locks, Loop loop, ChannelListener listener) {
    this.locks = locks;
    this.loop = loop;
    this.listener = listener;
  }

  ChannelLocks locks() {
    return locks;
  }

  ChannelListener listener() {
    return listener;
  }

  /** Of the last message that was applied here or sent from here. */
  int sequence() {
    return sequence;
  }

  /** What this node answered to it. */
  Answer answer() {
    return answer;
  }

  /** This node stands behind this message and gave this answer to it. */
  void applied(int newSequence, Answer given) {
    sequence = newSequence;
    answer = given;
  }

  /**
   * Whether no message can be half-way but one whose sender is alive: not so from a death until
   * this node has held the token.
   */
  boolean verified() {
    return verified;
  }

  void verified(boolean now) {
    verified = now;
  }

  /** Why nothing is done any more, if so. */
  Optional<String> end() {
    return end;
  }

  void onEnd(Consumer<String> told) {
    onEnd.add(told);
  }

  /** Nothing is done from here on. */
  void end(String reason) {
    if (end.isEmpty()) {
      end = Optional.of(reason);
      onEnd.forEach(told -> told.accept(reason));
    }
  }

  /** This node cannot go on as a member. */
  void halt(String reason) {
    if (end.isEmpty()) {
      end(reason);
      listener.halt(reason);
    }
  }

  /** Makes the requests; what comes next does not run when the channel's end comes first. */
  void run(List<Ask> asks, Consumer<RunOutcome> next) {
    Invariant.check(!asks.isEmpty(), "nothing is asked for");
    then(
        locks.run(asks),
        ran -> {
          switch (ran.last()) {
            case LockOutcome.Halted(var reason) -> end(reason);
            case LockOutcome.Left() -> end("this node left the lockspace");
            case LockOutcome.Deadlock() ->
                halt(
                    "the lock manager found a deadlock at %s, where the exchange of messages has none"
                        .formatted(asks.get(ran.grants().size())));
            case LockOutcome.Granted _,
                LockOutcome.Released _,
                LockOutcome.Busy _,
                LockOutcome.Cancelled _ ->
                next.accept(ran);
          }
        });
  }

  /** Reads a value block; what comes next does not run when the channel's end comes first. */
  void read(String resource, Consumer<ValueBlock> next) {
    then(locks.read(resource), next);
  }

  /** Applies a message here; what comes next does not run when this node cannot follow. */
  void apply(Envelope envelope, Consumer<Answer> next) {
    CompletableFuture<Answer> applying;
    try {
      applying = listener.receive(envelope);
    } catch (RuntimeException e) {
      applying = CompletableFuture.failedFuture(e);
    }
    then(
        applying.exceptionally(e -> Answer.refused(String.valueOf(e.getMessage()))),
        given -> {
          if (given instanceof Answer.Refused(var reason)
              && envelope.message() instanceof Fact fact) {
            halt("%s of slot %d: %s".formatted(fact, envelope.sender(), reason));
          } else {
            applied(envelope.sequence(), given);
            next.accept(given);
          }
        });
  }

  /** What a stage throws would be lost in its future: it is a bug and goes to the loop. */
  private <T> void then(CompletableFuture<T> stage, Consumer<T> next) {
    var _ =
        stage.whenComplete((value, error) ->
            onLoop(() -> {
              if (error != null) {
                halt("the lock manager failed: " + error);
                throw new IllegalStateException(error);
              }
              if (end.isEmpty()) {
                next.accept(value);
              }
            }));
  }

  void onLoop(Runnable task) {
    if (loop.isCurrent()) {
      try {
        task.run();
      } catch (RuntimeException | Error e) {
        loop.execute(() -> {
          throw e;
        });
      }
    } else {
      loop.execute(task);
    }
  }
}
