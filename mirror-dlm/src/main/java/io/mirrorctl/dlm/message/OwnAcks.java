package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.RunOutcome;
import io.mirrorctl.dlm.lock.ValueBlock;
import io.mirrorctl.dlm.message.ChannelLocks.Ask;
import io.mirrorctl.dlm.store.Bytes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The exchange with an {@code ack} of each receiver's own, so that no two receivers ever change the
 * same record: what it costs does not grow with them (decision 0006).
 *
 * <p>A receiver needs no lock on {@code message}: nobody writes there before it has answered to
 * what stands there. It may read a message before it is asked; so an answer names the message it is
 * to, and a receiver answers again when it is asked about what it has applied.
 */
final class OwnAcks implements Exchange {
  private final ChannelState state;
  private List<Integer> asked = List.of();

  OwnAcks(ChannelState state) {
    this.state = state;
  }

  static String ack(int slot) {
    return "%s%04d".formatted(ChannelLocks.ACK, slot);
  }

  @Override
  public String ownAck() {
    return ack(state.locks().slot());
  }

  @Override
  public List<Ask> publish(Bytes value, boolean exclusive) {
    var asks = new ArrayList<Ask>();
    if (!exclusive) {
      asks.add(Ask.message(LockMode.EX));
    }
    asks.add(Ask.message(LockMode.NL).writing(value));
    return asks;
  }

  /** Who is no member now cannot have a place in the exchange before the token is let go. */
  @Override
  public void collect(RunOutcome ran, int sequence, Consumer<Map<Integer, Answer>> told) {
    int own = state.locks().slot();
    asked = state.locks().members().stream().filter(slot -> slot != own).sorted().toList();
    var answers = new HashMap<Integer, Answer>();
    if (asked.isEmpty()) {
      told.accept(answers);
      return;
    }
    int[] left = {asked.size()};
    Runnable answered =
        () -> {
          if (--left[0] == 0) {
            told.accept(answers);
          }
        };
    for (int slot : asked) {
      ask(slot, List.of(Ask.of(ack(slot), LockMode.EX)), sequence, answers, answered);
    }
  }

  /** Until the answer is one to this message, and not to the one before, given late. */
  private void ask(
      int slot, List<Ask> asks, int sequence, Map<Integer, Answer> answers, Runnable answered) {
    state.run(
        asks,
        had -> {
          Bytes note = had.grants().getLast().notes().getOrDefault(slot, Bytes.EMPTY);
          if (note.size() > 0 && !Reply.isTo(sequence, note)) {
            var again = List.of(Ask.of(ack(slot), LockMode.NL), Ask.of(ack(slot), LockMode.EX));
            ask(slot, again, sequence, answers, answered);
            return;
          }
          if (note.size() > 0) {
            answers.put(slot, Reply.answer(note));
          }
          answered.run();
        });
  }

  @Override
  public List<Ask> close() {
    List<Ask> asks = asked.stream().map(slot -> Ask.of(ack(slot), LockMode.NL)).toList();
    asked = List.of();
    return asks;
  }

  @Override
  public void read(Consumer<ValueBlock> told) {
    state.read(ChannelLocks.MESSAGE, told);
  }

  @Override
  public List<Ask> answer(Bytes note) {
    return List.of(
        Ask.of(ownAck(), LockMode.NL).noting(note), Ask.of(ownAck(), LockMode.CR).noting(note));
  }

  /**
   * Who wanted {@code ack} may have died: as it rested, this node would not be told of the next.
   */
  @Override
  public List<Ask> passOver() {
    return answer(new Reply(state.sequence(), state.answer()).encode());
  }

  @Override
  public String waitsOn() {
    return ownAck();
  }
}
