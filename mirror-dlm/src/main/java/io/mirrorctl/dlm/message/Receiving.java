package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.ValueBlock;
import io.mirrorctl.dlm.message.ChannelLocks.Ask;
import java.util.List;

/**
 * The receiver's side: a round for each time that somebody wants its {@code ack} EX. The message is
 * read, applied completely, and answered; this node will hear of the next one before its sender can
 * take the answer to the last for one to it.
 */
final class Receiving {
  private enum Stage {
    /** Hears of the next message. */
    ARMED,
    APPLYING,
    /** Has answered; waits for the sender to be done. */
    ANSWERED
  }

  private final ChannelState state;
  private final Exchange exchange;
  private final Runnable onArmed;
  private Stage stage = Stage.ARMED;
  private boolean wanted;

  Receiving(ChannelState state, Exchange exchange, Runnable onArmed) {
    this.state = state;
    this.exchange = exchange;
    this.onArmed = onArmed;
  }

  boolean isArmed() {
    return stage == Stage.ARMED;
  }

  /** Somebody wants {@code ack} EX. */
  void wanted() {
    wanted = true;
  }

  boolean isWanted() {
    return wanted;
  }

  /** What was wanted so far is over. */
  void forget() {
    wanted = false;
  }

  /**
   * Ends the wait for a sender that does not get done; not for one that has more to read in the
   * answer than that there is one.
   */
  void stopWaiting() {
    if (stage == Stage.ANSWERED && state.answer() instanceof Answer.Accepted) {
      state.locks().cancel(exchange.waitsOn());
    }
  }

  void start() {
    stage = Stage.APPLYING;
    wanted = false;
    exchange.read(this::take);
  }

  private void take(ValueBlock block) {
    switch (block.valid() ? MessageCodec.decode(block.content()) : new MessageRead.None()) {
      case MessageRead.None() -> rearm(exchange.passOver());
      case MessageRead.Valid(var envelope) -> {
        if (isNew(envelope.sequence())) {
          state.apply(envelope, this::answer);
        }
      }
      case MessageRead.Unreadable(int sender, int sequence, boolean fact, var reason) -> {
        if (isNew(sequence)) {
          if (fact) {
            state.halt("slot %d sent what this node cannot read: %s".formatted(sender, reason));
          } else {
            state.applied(sequence, Answer.refused(reason));
            answer(state.answer());
          }
        }
      }
    }
  }

  /** Deals with a message that is not. */
  private boolean isNew(int sequence) {
    if (sequence == state.sequence() + 1) {
      return true;
    }
    if (sequence != state.sequence()) {
      state.halt(
          "message %d came after message %d: this node has missed one"
              .formatted(
                  Integer.toUnsignedLong(sequence), Integer.toUnsignedLong(state.sequence())));
    } else {
      // asked late, or again by who sees it through for a sender that died
      answer(state.answer());
    }
    return false;
  }

  private void answer(Answer given) {
    stage = Stage.ANSWERED;
    wanted = false;
    rearm(exchange.answer(new Reply(state.sequence(), given).encode()));
  }

  private void rearm(List<Ask> last) {
    if (last.isEmpty()) {
      armed();
    } else {
      state.run(last, _ -> armed());
    }
  }

  private void armed() {
    stage = Stage.ARMED;
    onArmed.run();
  }
}
