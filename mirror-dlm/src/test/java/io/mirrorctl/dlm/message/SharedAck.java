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
 * The exchange of Linux's md-cluster: one {@code ack} on which all receivers stand, and {@code
 * message} held by all of them in turn.
 */
final class SharedAck implements Exchange {
  private final ChannelState state;
  private final Modes modes;

  SharedAck(ChannelState state, Modes modes) {
    this.state = state;
    this.modes = modes;
  }

  @Override
  public String ownAck() {
    return ChannelLocks.ACK;
  }

  @Override
  public List<Ask> publish(Bytes value, boolean exclusive) {
    var asks = new ArrayList<Ask>();
    if (!exclusive) {
      asks.add(Ask.message(LockMode.EX));
    }
    asks.add(Ask.message(modes.published()).writing(value));
    asks.add(Ask.of(ChannelLocks.ACK, LockMode.EX));
    return asks;
  }

  @Override
  public void collect(RunOutcome ran, int sequence, Consumer<Map<Integer, Answer>> told) {
    if (ran.complete()) {
      told.accept(answers(ran));
    } else {
      state.run(
          List.of(Ask.of(ChannelLocks.ACK, LockMode.EX)), again -> told.accept(answers(again)));
    }
  }

  private static Map<Integer, Answer> answers(RunOutcome ran) {
    var answers = new HashMap<Integer, Answer>();
    ran.grants().getLast().notes().forEach((slot, note) -> answers.put(slot, Reply.answer(note)));
    return answers;
  }

  @Override
  public List<Ask> close() {
    return List.of(Ask.of(ChannelLocks.ACK, LockMode.CR), Ask.message(LockMode.NL));
  }

  @Override
  public void read(Consumer<ValueBlock> told) {
    state.run(
        List.of(Ask.message(LockMode.CR)), ran -> told.accept(ran.grants().getLast().value()));
  }

  @Override
  public List<Ask> answer(Bytes note) {
    return List.of(
        Ask.of(ChannelLocks.ACK, LockMode.NL).noting(note),
        Ask.message(modes.answered()),
        Ask.of(ChannelLocks.ACK, LockMode.CR),
        Ask.message(LockMode.NL));
  }

  @Override
  public List<Ask> passOver() {
    return List.of(Ask.message(LockMode.NL));
  }

  @Override
  public String waitsOn() {
    return ChannelLocks.MESSAGE;
  }
}
