package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.message.ClusterMessage.Abort;
import io.mirrorctl.dlm.message.ClusterMessage.Change;
import io.mirrorctl.dlm.message.ClusterMessage.ChangeCapacity;
import io.mirrorctl.dlm.message.ClusterMessage.Hold;
import io.mirrorctl.dlm.message.ClusterMessage.MetadataUpdated;
import io.mirrorctl.dlm.message.ClusterMessage.Remove;
import io.mirrorctl.dlm.message.ClusterMessage.Resume;
import io.mirrorctl.dlm.message.Delivery.Delivered;
import io.mirrorctl.dlm.message.Delivery.NotSent;
import io.mirrorctl.dlm.message.Delivery.Refused;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** What a channel does when nothing unforeseen happens but a refusal. */
abstract class BroadcastContract {
  private static final Delivered DELIVERED = new Delivered(Bits256.NONE);

  private final World world = world(Long.getLong("message.seed", 1));

  abstract World world(long seed);

  /** Of the table in docs/protocols/broadcast.md. */
  abstract String heading();

  /** What a receiver shows that waits for the sender to be done, on which resource. */
  abstract void assertWaits(World world, World.Node receiver);

  private static ExchangeTable.Row row(World world, int sender, int receiver) {
    String ack = world.nodes.get(receiver).channel.ownAck();
    return new ExchangeTable.Row(
        world.mode(sender, ChannelLocks.TOKEN),
        world.mode(sender, ChannelLocks.MESSAGE),
        world.mode(sender, ack),
        world.mode(receiver, ChannelLocks.MESSAGE),
        world.mode(receiver, ack));
  }

  @Test
  void theModesAreThoseOfTheDrawnTableStepByStep() {
    var sender = world.joined();
    var receiver = world.joined();
    world.done(sender.send(new Remove(0)));
    world.settle();
    var seen = new ArrayList<ExchangeTable.Row>();
    seen.add(row(world, sender.slot, receiver.slot));
    world.onChange(() -> seen.add(row(world, sender.slot, receiver.slot)));

    assertThat(world.done(sender.send(new Remove(1)))).isEqualTo(DELIVERED);
    world.settle();

    assertThat(seen).containsExactlyElementsOf(ExchangeTable.read(heading()).rows());
  }

  @Test
  void everybodyElseHasAppliedAMessageOnceWhenItsSenderGoesOn() {
    var sender = world.joined();
    var others = List.of(world.joined(), world.joined(), world.joined());

    assertThat(world.done(sender.send(new ChangeCapacity(5)))).isEqualTo(DELIVERED);

    for (var other : others) {
      assertThat(other.applied)
          .extracting(Envelope::message)
          .containsExactly(new ChangeCapacity(5));
      assertThat(other.applied.getFirst().sender()).isEqualTo(sender.slot);
    }
    assertThat(sender.applied).isEmpty();
    world.settle();
  }

  @Test
  void aNodeAloneDeliversToNobody() {
    assertThat(world.done(world.joined().send(new Remove(1)))).isEqualTo(DELIVERED);
  }

  @Test
  void messagesOfManySendersHaveOneOrder() {
    var nodes = List.of(world.joined(), world.joined(), world.joined(), world.joined());
    for (int i = 1; i <= 5; i++) {
      for (var node : nodes) {
        var _ = node.send(new ChangeCapacity(10 * i + node.slot));
      }
    }

    world.settle();

    for (var node : nodes) {
      assertThat(node.applied).hasSize(15);
      assertThat(node.channel.sequence()).isEqualTo(20);
    }
  }

  @Test
  void whoJoinsIsNotKeptOutByMembersThatNeverStopSending() {
    var talking = new AtomicBoolean(true);
    for (var node : List.of(world.joined(), world.joined())) {
      talk(node, talking);
    }
    var joiner = world.start();
    Transaction transaction = world.done(joiner.join());
    world.done(transaction.end());
    talking.set(false);
    world.settle();
  }

  private static void talk(World.Node node, AtomicBoolean talking) {
    if (talking.get()) {
      var _ =
          node.send(new ChangeCapacity(1 + node.slot))
              .thenRun(() -> node.process.loop().execute(() -> talk(node, talking)));
    }
  }

  @Test
  void aProposalThatOneRefusesIsUndoneByTheOthersBeforeItsSenderHears() {
    var sender = world.joined();
    var content = world.joined();
    var unwilling = world.joined();
    unwilling.answers =
        envelope ->
            envelope.message() instanceof Remove
                ? Answer.refused("member 4 is in use")
                : new Answer.Accepted();

    Delivery delivery = world.done(sender.send(new Remove(4)));

    assertThat(delivery).isEqualTo(new Refused(unwilling.slot, "member 4 is in use"));
    int number = content.applied.getFirst().sequence();
    assertThat(content.applied)
        .extracting(Envelope::message)
        .containsExactly(new Remove(4), new Abort(number));
    assertThat(world.done(sender.send(new Remove(5)))).isInstanceOf(Refused.class);
    world.settle();
  }

  @Test
  void aHandlerThatFailsRefusesAProposal() {
    var sender = world.joined();
    var broken = world.joined();
    broken.answers =
        envelope -> {
          if (envelope.message() instanceof Remove) {
            throw new IllegalStateException("cannot think");
          }
          return new Answer.Accepted();
        };

    assertThat(world.done(sender.send(new Remove(4))))
        .isEqualTo(new Refused(broken.slot, "cannot think"));
  }

  @Test
  void whoCannotFollowAFactHaltsAndTheSenderWaitsForItsEnd() {
    var sender = world.joined();
    var content = world.joined();
    var unable = world.joined();
    unable.answers = _ -> Answer.refused("no such size");

    assertThat(world.done(sender.send(new ChangeCapacity(9)))).isEqualTo(DELIVERED);

    assertThat(unable.halts).singleElement().asString().contains("no such size", "slot 0");
    assertThat(world.isMember(unable.slot)).isFalse();
    assertThat(content.applied).hasSize(1);
    world.settle();
  }

  @Test
  void whatAlsoFailsIsCollectedFromAllAnswers() {
    var sender = world.joined();
    world.joined().answers = _ -> new Answer.AlsoFailing(Bits256.of(2));
    world.joined().answers = _ -> new Answer.AlsoFailing(Bits256.of(2, 7));
    world.joined();

    assertThat(world.done(sender.send(new Hold(Change.FAILED, 8, Bits256.of(1)))))
        .isEqualTo(new Delivered(Bits256.of(2, 7)));
    assertThat(world.done(sender.send(new Resume(8)))).isInstanceOf(Delivered.class);
  }

  @Test
  void aSilentReceiverIsReportedAndTheSenderGoesOnWhenItIsOut() {
    var sender = world.joined();
    var silent = world.joined();
    var content = world.joined();
    silent.silent = true;

    assertThat(world.done(sender.send(new ChangeCapacity(9)))).isEqualTo(DELIVERED);

    assertThat(sender.ejected).containsExactly(silent.slot);
    assertThat(world.simulation.time()).isGreaterThanOrEqualTo(World.PATIENCE);
    assertThat(content.applied).hasSize(1);
    assertThat(world.isMember(silent.slot)).isFalse();
    world.settle();
  }

  @Test
  void theStepsOfATransactionHaveNoOtherMessageBetweenThem() {
    var sender = world.joined();
    var other = world.joined();
    var third = world.joined();
    Begun begun = world.done(sender.watched(sender.channel.begin().outcome()));
    Transaction transaction = ((Begun.Open) begun).transaction();
    var late = other.send(new ChangeCapacity(77));

    assertThat(world.done(transaction.send(new Hold(Change.FAILED, 8, Bits256.of(1)))))
        .isEqualTo(DELIVERED);
    assertThat(world.done(transaction.send(new MetadataUpdated(8, 0)))).isEqualTo(DELIVERED);
    world.simulation.run(Duration.ofSeconds(5));
    assertThat(late).isNotDone();
    assertThat(world.done(transaction.finish(new Resume(8)))).isEqualTo(DELIVERED);
    assertThat(world.done(late)).isEqualTo(DELIVERED);

    world.settle();
    assertThat(third.applied)
        .extracting(Envelope::message)
        .containsExactly(
            new Hold(Change.FAILED, 8, Bits256.of(1)),
            new MetadataUpdated(8, 0),
            new Resume(8),
            new ChangeCapacity(77));
    assertThat(transaction.interrupted()).isFalse();
  }

  @Test
  void aTransactionTakesOneMessageAtATimeAndNoneAfterItsEnd() {
    var sender = world.joined();
    var other = world.joined();
    var transaction = ((Begun.Open) world.done(sender.channel.begin().outcome())).transaction();
    var first = transaction.send(new ChangeCapacity(1));
    var tooEarly = transaction.send(new ChangeCapacity(2));
    var ended = transaction.end();
    var tooLate = transaction.finish(new ChangeCapacity(3));

    assertThat(world.done(first)).isEqualTo(DELIVERED);
    world.done(ended);
    assertThat(tooEarly).isCompletedExceptionally();
    assertThat(tooLate).isCompletedExceptionally();
    assertThat(other.applied).hasSize(1);
    world.settle();
  }

  @Test
  void aTransactionMayEndWithoutAWord() {
    var sender = world.joined();
    var other = world.joined();
    var transaction = ((Begun.Open) world.done(sender.channel.begin().outcome())).transaction();
    var late = other.send(new ChangeCapacity(77));
    world.done(transaction.end());
    assertThat(world.done(late)).isEqualTo(DELIVERED);
    world.settle();
  }

  @Test
  void aWaitForTheTokenCanBeCancelled() {
    var holder = world.joined();
    var waiting = world.joined();
    var transaction = ((Begun.Open) world.done(holder.channel.begin().outcome())).transaction();
    var first = waiting.channel.send(new ChangeCapacity(1));
    var second = waiting.channel.begin();
    world.simulation.run(Duration.ofSeconds(1));

    second.cancel();
    first.cancel();

    assertThat(world.done(first.outcome())).isEqualTo(new NotSent("cancelled"));
    assertThat(world.done(second.outcome())).isEqualTo(new Begun.Not("cancelled"));
    world.done(transaction.end());
    assertThat(holder.applied).isEmpty();
    assertThat(world.done(waiting.send(new ChangeCapacity(2)))).isEqualTo(DELIVERED);
    world.settle();
  }

  @Test
  void aJoinCanBeCancelledAndTriedAgain() {
    var holder = world.joined();
    var transaction = ((Begun.Open) world.done(holder.channel.begin().outcome())).transaction();
    var joiner = world.start();
    var join = joiner.channel.join();
    world.simulation.run(Duration.ofSeconds(1));

    join.cancel();
    assertThat(world.done(join.outcome())).isInstanceOf(Begun.Not.class);
    world.done(transaction.end());
    world.done(world.done(joiner.join()).end());
    assertThat(world.done(holder.send(new ChangeCapacity(2)))).isEqualTo(DELIVERED);
    assertThat(joiner.applied).hasSize(1);
  }

  @Test
  void whoClosesKeepsNobodyWaiting() {
    var sender = world.joined();
    var leaver = world.joined();
    var holder = world.joined();
    var transaction = ((Begun.Open) world.done(holder.channel.begin().outcome())).transaction();
    var waiting = leaver.send(new ChangeCapacity(3));
    world.simulation.run(Duration.ofSeconds(1));

    var closed = leaver.close();
    assertThat(world.done(waiting)).isInstanceOf(NotSent.class);
    world.done(closed);
    world.done(transaction.end());
    assertThat(world.done(sender.send(new ChangeCapacity(4)))).isEqualTo(DELIVERED);
    assertThat(leaver.applied).isEmpty();
    assertThat(world.done(leaver.channel.send(new Remove(1)).outcome()))
        .isInstanceOf(NotSent.class);
    for (String resource :
        List.of(ChannelLocks.TOKEN, ChannelLocks.MESSAGE, leaver.channel.ownAck())) {
      assertThat(world.mode(leaver.slot, resource)).isEqualTo("-");
    }
  }

  @Test
  void aReceiverThatWaitsForASenderToGetDoneCanClose() {
    var sender = world.joined();
    var leaver = world.joined();
    var slow = world.joined();
    slow.silent = true;
    var sent = sender.send(new ChangeCapacity(3));
    world.simulation.run(Duration.ofSeconds(1));
    assertWaits(world, leaver);

    world.done(leaver.close());

    assertThat(sent).isNotDone();
    assertThat(world.done(sent)).isEqualTo(DELIVERED);
  }
}
