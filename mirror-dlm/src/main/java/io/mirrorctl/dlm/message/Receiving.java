package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.ValueBlock;
import io.mirrorctl.dlm.message.ChannelLocks.Ask;
import io.mirrorctl.dlm.message.ChannelLocks.Resource;
import java.util.List;

/**
 * The receiver's side: a round for each time that somebody wants {@code ack} EX.
 *
 * <p>{@code message} CR, the message applied completely, then in one go {@code ack} NL with the
 * answer and {@code message} to PR, which waits for the sender to be done; {@code ack} is had again
 * before {@code message} is let go, so no sender can come to its ACK before this node will hear it.
 */
final class Receiving {
  private enum Stage {
    /** Holds {@code ack} CR and {@code message} NL; hears of the next message. */
    ARMED,
    APPLYING,
    /** Has answered; waits for the sender to be done. */
    ANSWERED
  }

  private final ChannelState state;
  private final Runnable onArmed;
  private Stage stage = Stage.ARMED;
  private boolean wanted;

  Receiving(ChannelState state, Runnable onArmed) {
    this.state = state;
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

  /** Ends the wait for a sender that does not get done. */
  void stopWaiting() {
    if (stage == Stage.ANSWERED) {
      state.locks().cancel(Resource.MESSAGE);
    }
  }

  void start() {
    stage = Stage.APPLYING;
    wanted = false;
    state.run(List.of(Ask.message(LockMode.CR)), ran -> take(ran.grants().getLast().value()));
  }

  private void take(ValueBlock block) {
    switch (block.valid() ? MessageCodec.decode(block.content()) : new MessageRead.None()) {
      case MessageRead.None() -> rearm(List.of(Ask.message(LockMode.NL)));
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
    } else if (state.verified()) {
      rearm(List.of(Ask.message(LockMode.NL)));
    } else {
      // its sender died, and who sees it through asks again
      answer(state.answer());
    }
    return false;
  }

  private void answer(Answer given) {
    stage = Stage.ANSWERED;
    wanted = false;
    rearm(
        List.of(
            Ask.ack(LockMode.NL).noting(Answer.encode(given)),
            Ask.message(state.modes().answered()),
            Ask.ack(LockMode.CR),
            Ask.message(LockMode.NL)));
  }

  private void rearm(List<Ask> last) {
    state.run(
        last,
        _ -> {
          stage = Stage.ARMED;
          onArmed.run();
        });
  }
}
