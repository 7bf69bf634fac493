package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.LockRequest;
import io.mirrorctl.dlm.message.ChannelLocks.Ask;
import io.mirrorctl.dlm.message.ClusterMessage.ChangeCapacity;
import io.mirrorctl.dlm.message.ClusterMessage.Remove;
import io.mirrorctl.dlm.store.Bytes;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** A member that keeps to the exchange by its modes, but says what none of ours would. */
class ForeignMemberTest {
  private final PlainWorld world = new PlainWorld(1);
  private final World.Node sender = world.joined();
  private final PlainLocks.Member foreign = world.locks.join(world.simulation.node("foreign"), 7);

  /** Takes its place, and answers the next message with the note. */
  private void answer(Bytes note) {
    var _ =
        foreign
            .run(List.of(Ask.of(OwnAcks.ack(7), LockMode.CR)))
            .thenCompose(_ -> later())
            .thenCompose(_ ->
                foreign.run(
                    List.of(
                        Ask.of(OwnAcks.ack(7), LockMode.NL).noting(note),
                        Ask.of(OwnAcks.ack(7), LockMode.CR).noting(note))));
    world.simulation.run(Duration.ofMillis(500));
  }

  private CompletableFuture<Void> later() {
    var later = new CompletableFuture<Void>();
    world.simulation.after(Duration.ofSeconds(1), () -> later.complete(null));
    return later;
  }

  @Test
  void whoRefusesAFactIsReportedAndTheSenderWaitsUntilItIsOut() {
    answer(new Reply(1, new Answer.Refused("cannot grow")).encode());
    var sent = sender.channel.send(new ChangeCapacity(9)).outcome();
    world.simulation.run(Duration.ofSeconds(5));
    assertThat(sent).isNotDone();
    assertThat(sender.ejected).containsExactly(7);

    world.locks.purge(7);

    assertThat(world.done(sent)).isEqualTo(new Delivery.Delivered(Bits256.NONE));
  }

  @Test
  void anAnswerToAnotherMessageDoesNotCount() {
    answer(new Reply(0, new Answer.Accepted()).encode());
    var sent = sender.channel.send(new ChangeCapacity(9)).outcome();

    world.simulation.run(Duration.ofSeconds(5));

    assertThat(sent).isNotDone();
    assertThat(world.mode(sender.slot, OwnAcks.ack(7))).isEqualTo("NL->EX");
    world.locks.purge(7);
    assertThat(world.done(sent)).isInstanceOf(Delivery.Delivered.class);
  }

  @Test
  void aNoteThatIsNoAnswerDoesNotCountEither() {
    answer(Bytes.utf8("hm"));
    var sent = sender.channel.send(new Remove(1)).outcome();

    world.simulation.run(Duration.ofSeconds(5));

    assertThat(sent).isNotDone();
    world.locks.purge(7);
    assertThat(world.done(sent)).isInstanceOf(Delivery.Delivered.class);
  }

  @Test
  void whatANewerVersionSendsIsRefusedIfItIsAProposalAndHaltsTheReceiverIfItIsAFact() {
    byte[] unknown = new byte[MessageCodec.BYTES];
    unknown[MessageCodec.AT_VERSION] = 9;
    unknown[MessageCodec.AT_KIND] = 0x01;
    unknown[MessageCodec.AT_SENDER] = 7;
    unknown[MessageCodec.AT_SEQUENCE] = 1;
    assertThat(sendRaw(unknown)).isEqualTo(new Answer.Refused("message version 9, not 1"));

    unknown[MessageCodec.AT_KIND] = (byte) 0xFF;
    unknown[MessageCodec.AT_SEQUENCE] = 2;
    var _ = raw(unknown);
    world.simulation.run(Duration.ofSeconds(1));
    assertThat(sender.halts).singleElement().asString().contains("version 9", "slot 7");
  }

  private Answer sendRaw(byte[] message) {
    Bytes note = world.done(raw(message));
    assertThat(Reply.isTo(message[MessageCodec.AT_SEQUENCE], note)).isTrue();
    world.done(foreign.run(List.of(Ask.of(sender.channel.ownAck(), LockMode.NL))));
    return Reply.answer(note);
  }

  private CompletableFuture<Bytes> raw(byte[] message) {
    return foreign
        .run(
            List.of(
                Ask.message(LockMode.EX),
                new Ask(
                    ChannelLocks.MESSAGE, LockRequest.to(LockMode.NL).writing(Bytes.of(message))),
                Ask.of(sender.channel.ownAck(), LockMode.EX)))
        .thenApply(ran -> ran.grants().getLast().notes().get(sender.slot));
  }
}
