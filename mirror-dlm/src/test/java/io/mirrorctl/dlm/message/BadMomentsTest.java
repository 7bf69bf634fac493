package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.lock.Lock;
import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.message.ClusterMessage.Abort;
import io.mirrorctl.dlm.message.ClusterMessage.ChangeCapacity;
import io.mirrorctl.dlm.message.ClusterMessage.Remove;
import io.mirrorctl.dlm.message.Delivery.Delivered;
import io.mirrorctl.dlm.message.Delivery.Refused;
import io.mirrorctl.dlm.simulation.MemoryServers;
import io.mirrorctl.dlm.simulation.MemoryStore.Fate;
import io.mirrorctl.dlm.store.Op;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** Deaths and lost answers at moments that chance seldom hits. */
class BadMomentsTest {
  /**
   * The commit by which a sender that begins at rest lets go: after the message and two acks. One
   * that was refused comes on top.
   */
  private static final int LETS_GO = 4;

  @Test
  void aMessageOfTheNextHolderThatDiesWhileOneStillLetsGoIsNotWrittenOver() {
    for (long seed : ChannelFaultsTest.seeds(40)) {
      for (int refused = 0; refused < 3; refused++) {
        aNextHolderDiesWhileOneLetsGo(seed, LETS_GO + refused);
      }
    }
  }

  private static void aNextHolderDiesWhileOneLetsGo(long seed, int lost) {
    var world = new StoreWorld(seed);
    var first = world.joined();
    var next = world.joined();
    var third = world.joined();
    var published = new AtomicBoolean();
    world.servers.onCommit(done -> {
      if (isBy(world, next, done)
          && writes(done, "/locks/" + ChannelLocks.MESSAGE)
          && !published.getAndSet(true)) {
        long late = world.simulation.random().nextLong(20_000_000);
        world.simulation.after(Duration.ofNanos(late), next::kill);
      } else if (next.process.isKilled() && isBy(world, third, done) && writes(done, "/view")) {
        // else it would see the message through at once
        third.process.pause();
        world.simulation.after(Duration.ofSeconds(4), third.process::resume);
      }
    });

    world.members.get(first.slot).store.loseAnswer(lost, Fate.DONE);
    var one = first.send(new ChangeCapacity(1));
    world.simulation.runUntil(first.channel::holdsToken, Duration.ofSeconds(5));
    var _ = next.send(new ChangeCapacity(2));
    world.done(one);
    var three = first.send(new ChangeCapacity(3));

    assertThat(world.done(three)).as("seed %d", seed).isInstanceOf(Delivered.class);
    world.settle();
    assertThat(published).as("seed %d", seed).isTrue();
  }

  private static boolean isBy(StoreWorld world, World.Node node, MemoryServers.Done done) {
    return done.session() == world.members.get(node.slot).store.sessionId();
  }

  private static boolean writes(MemoryServers.Done done, String what) {
    return done.ops().stream().anyMatch(op -> op instanceof Op.Put && op.path().endsWith(what));
  }

  @Test
  void aProposalWhoseDeliveryWasToldIsNotUndone() {
    for (long seed : ChannelFaultsTest.seeds(20)) {
      var world = new StoreWorld(seed);
      var sender = world.joined();
      var receiver = world.joined();
      world.joined();
      world.members.get(sender.slot).store.loseAnswer(LETS_GO, Fate.NOT_DONE);
      var delivered = sender.send(new Remove(1)).thenRun(sender::kill);

      world.done(delivered);
      world.settle();

      assertThat(receiver.applied)
          .as("seed %d", seed)
          .extracting(Envelope::message)
          .contains(new Remove(1))
          .noneMatch(Abort.class::isInstance);
    }
  }

  @Test
  void aRefusalIsHeardAlsoFromOneThatClosesAtOnce() {
    for (long seed : ChannelFaultsTest.seeds(20)) {
      var world = new StoreWorld(seed);
      var sender = world.joined();
      var unwilling = world.joined();
      unwilling.answers =
          _ -> {
            sender.process.pause();
            world.simulation.after(Duration.ofSeconds(1), sender.process::resume);
            return Answer.refused("no");
          };
      var sent = sender.send(new Remove(1));
      world.simulation.runUntil(() -> !sender.process.isRunning(), Duration.ofSeconds(5));
      world.simulation.run(Duration.ofMillis(200));
      var _ = unwilling.close();

      assertThat(world.done(sent)).as("seed %d", seed).isEqualTo(new Refused(1, "no"));
      world.settle();
    }
  }

  @Test
  void aReceiverThatWasToldOfNothingHearsOfTheNextMessage() {
    for (long seed : ChannelFaultsTest.seeds(20)) {
      var world = new StoreWorld(seed);
      var sender = world.joined();
      var receiver = world.joined();
      var dying = world.start();
      convert(world, world.members.get(dying.slot).lockspace.lock(ChannelLocks.MESSAGE));
      dying.kill();
      world.simulation.run(Duration.ofSeconds(20));
      var foreign = world.start();
      Lock ack = world.members.get(foreign.slot).lockspace.lock(receiver.channel.ownAck());
      var _ = ack.convert(LockMode.EX);
      world.simulation.run(Duration.ofSeconds(1));
      ack.cancel();
      world.simulation.run(Duration.ofSeconds(1));
      world.done(ack.unlock());
      foreign.kill();
      world.simulation.run(Duration.ofSeconds(20));

      assertThat(world.done(sender.send(new ChangeCapacity(1)))).isInstanceOf(Delivered.class);
      assertThat(sender.ejected).as("seed %d", seed).isEmpty();
      world.settle();
    }
  }

  private static void convert(World world, Lock lock) {
    world.done(lock.convert(LockMode.EX));
  }
}
