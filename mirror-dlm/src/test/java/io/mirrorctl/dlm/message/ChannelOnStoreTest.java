package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.message.ClusterMessage.ChangeCapacity;
import io.mirrorctl.dlm.message.ClusterMessage.Remove;
import io.mirrorctl.dlm.simulation.MemoryStore.Fate;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The exchange on lockspaces of a simulated store, with the store failing at every step of it.
 * {@code -Dmessage.seed=N} runs one seed.
 */
class ChannelOnStoreTest {

  /** What happens to one node at one of its commits. */
  private enum Fault {
    ANSWER_LOST_DONE,
    ANSWER_LOST_NOT_DONE,
    ANSWER_LOST_DONE_LATE,
    CUT,
    KILL,
    EXPIRE
  }

  private static World exchange(long seed, Fault fault, int commit, int victim) {
    var world = new StoreWorld(seed);
    for (int i = 0; i < 3; i++) {
      world.joined();
    }
    var store = world.members.get(victim).store;
    var node = world.nodes.get(victim);
    var commits = new AtomicInteger();
    switch (fault) {
      case ANSWER_LOST_DONE -> store.loseAnswer(commit, Fate.DONE);
      case ANSWER_LOST_NOT_DONE -> store.loseAnswer(commit, Fate.NOT_DONE);
      case ANSWER_LOST_DONE_LATE -> store.loseAnswer(commit, Fate.DONE_LATE);
      case CUT, KILL, EXPIRE ->
          world.servers.onCommit(done -> {
            if (done.session() == store.sessionId() && commits.incrementAndGet() == commit) {
              switch (fault) {
                case CUT -> {
                  node.process.cut();
                  world.simulation.after(Duration.ofSeconds(2), node.process::restore);
                }
                case KILL -> node.kill();
                default -> world.servers.expire(store.sessionId());
              }
            }
          });
    }
    var sender = world.nodes.getFirst();
    var _ = sender.send(new Remove(1));
    var _ = sender.send(new ChangeCapacity(2));
    world.settle();
    return world;
  }

  @Test
  void aFailingStoreDelaysOrEndsANodeAndTheOthersAgree() {
    for (long seed : ChannelFaultsTest.seeds(4)) {
      for (Fault fault : Fault.values()) {
        for (int commit = 1; commit <= 10; commit++) {
          for (int victim = 0; victim < 3; victim++) {
            World world = exchange(seed, fault, commit, victim);
            String where = "seed %d, %s of n%d at %d".formatted(seed, fault, victim, commit);
            var applied = new HashSet<List<ClusterMessage>>();
            for (var node : world.alive()) {
              assertThat(node.halts).as(where).isEmpty();
              if (node.slot != 0) {
                applied.add(node.applied.stream().map(Envelope::message).toList());
              }
            }
            assertThat(applied).as(where).hasSizeLessThan(2);
            if (world.nodes.stream().allMatch(World.Node::isAlive)) {
              assertThat(applied)
                  .as(where)
                  .containsExactly(List.of(new Remove(1), new ChangeCapacity(2)));
            } else {
              assertThat(fault).as(where).isIn(Fault.KILL, Fault.EXPIRE, Fault.CUT);
            }
          }
        }
      }
    }
  }

  @Test
  void anythingMayHappenToAnybodyAndItsStoreAtAnyTime() {
    anythingHappens(ChannelFaultsTest.seeds(250));
  }

  @Test
  @Tag("nightly")
  void anythingMayHappenForALongTime() {
    anythingHappens(ChannelFaultsTest.seeds(20_000));
  }

  private static void anythingHappens(List<Long> seeds) {
    for (long seed : seeds) {
      var world = new StoreWorld(seed);
      var random = new SplittableRandom(seed);
      int first = 2 + random.nextInt(4);
      for (int i = 0; i < first; i++) {
        world.joined().answers = ChannelFaultsTest.sometimesUnwilling(random);
      }
      var numbers = new AtomicInteger();
      int events = 5 + random.nextInt(40);
      for (int i = 0; i < events; i++) {
        world.simulation.after(
            Duration.ofMillis(random.nextInt(300)),
            () -> {
              if (random.nextInt(4) == 0) {
                storeFault(world, random);
              } else {
                ChannelFaultsTest.something(world, random, numbers);
              }
            });
      }
      world.simulation.run(Duration.ofMillis(301));
      world.nodes.forEach(node -> node.process.resume());
      world.settle();
      for (var node : world.nodes) {
        assertThat(node.halts).as("seed %d", seed).isEmpty();
      }
    }
  }

  private static void storeFault(StoreWorld world, SplittableRandom random) {
    var alive = world.alive();
    if (alive.isEmpty()) {
      return;
    }
    var node = alive.get(random.nextInt(alive.size()));
    var store = world.members.get(node.slot).store;
    switch (random.nextInt(8)) {
      case 0 -> {
        if (alive.size() > 1) {
          world.servers.expire(store.sessionId());
        }
      }
      case 1, 2 -> store.dropConnection();
      case 3 -> {
        node.process.cut();
        world.simulation.after(Duration.ofMillis(random.nextInt(2000)), node.process::restore);
      }
      default ->
          store.loseAnswer(1 + random.nextInt(4), List.of(Fate.values()).get(random.nextInt(3)));
    }
  }

  /** The first version of md-cluster, down to CR and up to EX: the lock manager sees it. */
  @Test
  void theDeadlockOfTheOriginalIsSeenByTheLockManager() {
    var world = new StoreWorld(1, ChannelOnStoreTest::original);
    var sender = world.joined();
    var others = List.of(world.joined(), world.joined());

    var _ = sender.send(new ChangeCapacity(1));
    world.simulation.run(Duration.ofMinutes(1));

    assertThat(others)
        .anySatisfy(node ->
            assertThat(node.halts).singleElement().asString().contains("deadlock", "message"));
  }

  private static Exchange original(ChannelState state) {
    return new SharedAck(state, new Modes(LockMode.CR, LockMode.EX));
  }
}
