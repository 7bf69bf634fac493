package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.RunOutcome;
import io.mirrorctl.dlm.lock.ValueBlock;
import io.mirrorctl.dlm.message.ChannelLocks.Ask;
import io.mirrorctl.dlm.store.Bytes;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Which modes of which locks carry a message from the holder of the token to the receivers and
 * their answers back; drawn in docs/protocols/broadcast.md.
 */
interface Exchange {
  /** The resource by which this node hears of messages: it rests in CR there. */
  String ownAck();

  /** The requests that publish a message; those that end with its being readable come first. */
  List<Ask> publish(Bytes value, boolean exclusive);

  /**
   * Waits until every receiver has answered.
   *
   * @param ran what became of a run that ends with {@link #publish}
   * @param sequence of the message
   * @param told the answers by slot; of those that were there to give one
   */
  void collect(RunOutcome ran, int sequence, Consumer<Map<Integer, Answer>> told);

  /** The requests by which the sender lets go of what it had of the receivers. */
  List<Ask> close();

  /** Reads the message that this node was told of. */
  void read(Consumer<ValueBlock> told);

  /** The requests of a receiver that has processed the message. */
  List<Ask> answer(Bytes note);

  /** The requests of a receiver that found nothing to process. */
  List<Ask> passOver();

  /** The resource on which a receiver that has answered waits for the sender to be done. */
  String waitsOn();
}
