package io.mirrorctl.dlm.message;

import io.mirrorctl.core.env.Invariant;
import io.mirrorctl.dlm.lock.RunOutcome;
import io.mirrorctl.dlm.message.ChannelLocks.Ask;
import io.mirrorctl.dlm.message.ClusterMessage.Abort;
import io.mirrorctl.dlm.message.ClusterMessage.Fact;
import io.mirrorctl.dlm.message.ClusterMessage.Proposal;
import io.mirrorctl.dlm.store.Bytes;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;

/** What the holder of the token does to bring one message to all and their answers back. */
final class Rounds {
  private final ChannelState state;
  private final Exchange exchange;
  private final Watchdog watchdog;
  private final Set<Integer> refusers = new TreeSet<>();
  private Optional<Runnable> whenGone = Optional.empty();

  Rounds(ChannelState state, Exchange exchange, Watchdog watchdog) {
    this.state = state;
    this.exchange = exchange;
    this.watchdog = watchdog;
  }

  /** A wait for others begins. */
  void waiting() {
    watchdog.start();
  }

  /** It is over. */
  void waited() {
    watchdog.stop();
  }

  /** The message with the next number. */
  Envelope envelope(ClusterMessage message) {
    return new Envelope(state.locks().slot(), state.sequence() + 1, message);
  }

  /**
   * Broadcasts; to be closed when the answers are told.
   *
   * @param exclusive whether {@code message} is held EX already
   */
  void publish(ClusterMessage message, boolean exclusive, Consumer<Delivery> told) {
    var envelope = envelope(message);
    ask(
        envelope,
        MessageCodec.encode(envelope),
        exclusive,
        answers -> answered(envelope, answers, told));
  }

  /** Waits for the answers to a message that was published by a larger run. */
  void published(Envelope envelope, RunOutcome ran, Consumer<Delivery> told) {
    collect(ran, envelope.sequence(), answers -> answered(envelope, answers, told));
  }

  private void ask(
      Envelope envelope, Bytes value, boolean exclusive, Consumer<Map<Integer, Answer>> answered) {
    waiting();
    state.run(
        exchange.publish(value, exclusive),
        ran -> {
          Invariant.check(ran.complete(), "a message that may be seen was taken back: %s", ran);
          collect(ran, envelope.sequence(), answered);
        });
  }

  private void collect(RunOutcome ran, int sequence, Consumer<Map<Integer, Answer>> answered) {
    waiting();
    exchange.collect(
        ran,
        sequence,
        answers -> {
          waited();
          answered.accept(answers);
        });
  }

  private void answered(Envelope envelope, Map<Integer, Answer> answers, Consumer<Delivery> told) {
    state.applied(envelope.sequence(), new Answer.Accepted());
    var refusals = refusals(answers);
    if (refusals.isEmpty()) {
      told.accept(new Delivery.Delivered(alsoFailing(answers)));
      return;
    }
    switch (envelope.message()) {
      case Fact fact ->
          awaitGone(
              refusals, fact, () -> told.accept(new Delivery.Delivered(alsoFailing(answers))));
      case Proposal _ -> {
        int slot = refusals.keySet().iterator().next();
        close(() ->
            publish(
                new Abort(envelope.sequence()),
                false,
                _ -> told.accept(new Delivery.Refused(slot, refusals.get(slot)))));
      }
    }
  }

  /** Back to rest, but for the token. */
  void close(Runnable next) {
    List<Ask> asks = exchange.close();
    if (asks.isEmpty()) {
      next.run();
    } else {
      state.run(asks, _ -> next.run());
    }
  }

  /**
   * Sees a message through whose sender died: who has applied it answers as it did before. A
   * proposal is then undone, as nobody would go on with it.
   *
   * @param joined whether this node joined after it was written, and has nothing to apply
   */
  void complete(Bytes value, boolean exclusive, boolean joined, Runnable next) {
    switch (MessageCodec.decode(value)) {
      case MessageRead.None() -> state.halt("the value block of message was emptied");
      case MessageRead.Valid(var envelope) -> {
        if (joined || envelope.sequence() == state.sequence()) {
          complete(envelope, value, exclusive, joined, next);
        } else if (envelope.sequence() == state.sequence() + 1) {
          state.apply(envelope, _ -> complete(envelope, value, exclusive, false, next));
        } else {
          state.halt(
              "message %d is half-way while this node stands at message %d"
                  .formatted(
                      Integer.toUnsignedLong(envelope.sequence()),
                      Integer.toUnsignedLong(state.sequence())));
        }
      }
      case MessageRead.Unreadable(int sender, _, _, var reason) ->
          state.halt(
              "slot %d left a message half-way that this node cannot read: %s"
                  .formatted(sender, reason));
    }
  }

  private void complete(
      Envelope envelope, Bytes value, boolean exclusive, boolean joined, Runnable next) {
    ask(
        envelope,
        value,
        exclusive,
        answers -> {
          switch (envelope.message()) {
            case Fact fact -> awaitGone(refusals(answers), fact, () -> close(next));
            case Proposal _ -> close(() -> abort(envelope.sequence(), joined, () -> close(next)));
          }
        });
  }

  private void abort(int sequence, boolean joined, Runnable next) {
    var abort = new Abort(sequence);
    if (joined) {
      publish(abort, false, _ -> next.run());
    } else {
      var envelope = envelope(abort);
      state.apply(
          envelope,
          _ ->
              ask(
                  envelope,
                  MessageCodec.encode(envelope),
                  false,
                  answers -> answered(envelope, answers, _ -> next.run())));
    }
  }

  private static Map<Integer, String> refusals(Map<Integer, Answer> answers) {
    var refusals = new TreeMap<Integer, String>();
    answers.forEach((slot, answer) -> {
      if (answer instanceof Answer.Refused(var reason)) {
        refusals.put(slot, reason);
      }
    });
    return refusals;
  }

  private static Bits256 alsoFailing(Map<Integer, Answer> answers) {
    Bits256 all = Bits256.NONE;
    for (Answer answer : answers.values()) {
      if (answer instanceof Answer.AlsoFailing(var members)) {
        all = all.or(members);
      }
    }
    return all;
  }

  /** Members that say they cannot follow a fact are no members. */
  private void awaitGone(Map<Integer, String> refusals, Fact fact, Runnable next) {
    refusers.addAll(refusals.keySet());
    refusers.retainAll(state.locks().members());
    if (refusers.isEmpty()) {
      next.run();
      return;
    }
    whenGone = Optional.of(next);
    for (int slot : Set.copyOf(refusers)) {
      state.listener().eject(slot, "cannot follow %s: %s".formatted(fact, refusals.get(slot)));
    }
  }

  /** The member of the slot is out of the lockspace. */
  void gone(int slot) {
    if (refusers.remove(slot) && refusers.isEmpty()) {
      Runnable next = whenGone.orElseThrow();
      whenGone = Optional.empty();
      next.run();
    }
  }
}
