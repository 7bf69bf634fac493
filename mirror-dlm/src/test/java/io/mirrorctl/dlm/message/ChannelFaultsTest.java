package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.message.ClusterMessage.Abort;
import io.mirrorctl.dlm.message.ClusterMessage.Change;
import io.mirrorctl.dlm.message.ClusterMessage.ChangeCapacity;
import io.mirrorctl.dlm.message.ClusterMessage.Hold;
import io.mirrorctl.dlm.message.ClusterMessage.MetadataUpdated;
import io.mirrorctl.dlm.message.ClusterMessage.Proposal;
import io.mirrorctl.dlm.message.ClusterMessage.Remove;
import io.mirrorctl.dlm.message.ClusterMessage.Resume;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The exchange with nodes dying, pausing, joining and leaving at every step of it. {@code
 * -Dmessage.seed=N} runs one seed.
 */
class ChannelFaultsTest {
  private static final int STEPS = 30;

  static List<Long> seeds(int count) {
    Long one = Long.getLong("message.seed");
    var seeds = new ArrayList<Long>();
    for (long seed = 0; seed < count; seed++) {
      seeds.add(one == null ? seed : one);
    }
    return one == null ? seeds : seeds.subList(0, 1);
  }

  /** A sender, two receivers, and two messages of which one is a proposal. */
  private static World exchange(long seed, int step, int victim, boolean pause) {
    var world = new PlainWorld(seed);
    for (int i = 0; i < 3; i++) {
      world.joined();
    }
    var changes = new AtomicInteger();
    world.onChange(() -> {
      if (changes.getAndIncrement() == step) {
        var node = world.nodes.get(victim);
        if (pause) {
          node.process.pause();
          world.simulation.after(Duration.ofSeconds(3), node.process::resume);
        } else {
          node.kill();
        }
      }
    });
    var sender = world.nodes.getFirst();
    var _ = sender.send(new Remove(1));
    var _ = sender.send(new ChangeCapacity(2));
    world.settle();
    return world;
  }

  @Test
  void aMessageReachesAllSurvivorsOrNoneWhoeverDiesAtWhateverStep() {
    for (long seed : seeds(12)) {
      for (int step = 0; step < STEPS; step++) {
        for (int victim = 0; victim < 3; victim++) {
          World world = exchange(seed, step, victim, false);
          var applied = new HashSet<List<ClusterMessage>>();
          for (var node : world.alive()) {
            if (node.slot != 0) {
              applied.add(node.applied.stream().map(Envelope::message).toList());
            }
          }
          assertThat(applied)
              .as("seed %d, n%d killed at step %d", seed, victim, step)
              .hasSizeLessThan(2);
          for (var node : world.alive()) {
            assertThat(node.halts).as("seed %d, step %d", seed, step).isEmpty();
            assertEveryOrphanIsUndone(node.applied, victim == 0, "seed %d".formatted(seed));
          }
        }
      }
    }
  }

  /** If the sender died, its proposal is either one that it had finished, or aborted. */
  private static void assertEveryOrphanIsUndone(
      List<Envelope> applied, boolean senderDied, String seed) {
    for (int i = 0; i < applied.size(); i++) {
      boolean last = i + 1 == applied.size();
      if (applied.get(i).message() instanceof Abort(int sequence)) {
        assertThat(senderDied).as(seed).isTrue();
        assertThat(applied.get(i - 1).sequence()).as(seed).isEqualTo(sequence);
        assertThat(applied.get(i - 1).message()).as(seed).isInstanceOf(Proposal.class);
      } else if (!last) {
        assertThat(applied.get(i).sequence() + 1).as(seed).isEqualTo(applied.get(i + 1).sequence());
      }
    }
  }

  @Test
  void aPauseAtAnyStepDelaysButChangesNothing() {
    for (long seed : seeds(8)) {
      for (int step = 0; step < STEPS; step++) {
        for (int victim = 0; victim < 3; victim++) {
          World world = exchange(seed, step, victim, true);
          for (var node : world.nodes.subList(1, 3)) {
            assertThat(node.applied)
                .as("seed %d, n%d paused at step %d", seed, victim, step)
                .extracting(Envelope::message)
                .containsExactly(new Remove(1), new ChangeCapacity(2));
          }
        }
      }
    }
  }

  @Test
  void aTransactionWhoseHolderDiesShowsInTheNextUntilSomebodySettlesIt() {
    for (long seed : seeds(50)) {
      var world = new PlainWorld(seed);
      var holder = world.joined();
      var heir = world.joined();
      var other = world.joined();
      Transaction open = begin(world, holder);
      world.done(open.send(new Hold(Change.FAILED, 8, Bits256.of(1))));
      holder.kill();

      Transaction first = begin(world, heir);
      assertThat(first.interrupted()).as("seed %d", seed).isTrue();
      world.done(first.end());
      Transaction second = begin(world, other);
      assertThat(second.interrupted()).as("seed %d", seed).isTrue();
      world.done(second.send(new MetadataUpdated(9, 0)));
      second.settled();
      world.done(second.finish(new Resume(9)));

      assertThat(begin(world, heir).interrupted()).as("seed %d", seed).isFalse();
      assertThat(heir.applied)
          .extracting(Envelope::message)
          .containsExactly(
              new Hold(Change.FAILED, 8, Bits256.of(1)), new MetadataUpdated(9, 0), new Resume(9));
    }
  }

  private static Transaction begin(World world, World.Node node) {
    return ((Begun.Open) world.done(node.channel.begin().outcome())).transaction();
  }

  @Test
  void anythingMayHappenToAnybodyAtAnyTime() {
    anythingHappens(seeds(3000));
  }

  @Test
  @Tag("nightly")
  void anythingMayHappenForALongTime() {
    anythingHappens(seeds(300_000));
  }

  private static void anythingHappens(List<Long> seeds) {
    for (long seed : seeds) {
      var world = new PlainWorld(seed);
      var random = new SplittableRandom(seed);
      int first = 2 + random.nextInt(4);
      for (int i = 0; i < first; i++) {
        world.joined().answers = sometimesUnwilling(random);
      }
      var numbers = new AtomicInteger();
      int events = 5 + random.nextInt(40);
      for (int i = 0; i < events; i++) {
        world.simulation.after(
            Duration.ofMillis(random.nextInt(300)), () -> something(world, random, numbers));
      }
      world.simulation.run(Duration.ofMillis(301));
      world.nodes.forEach(node -> node.process.resume());
      world.settle();
      for (var node : world.nodes) {
        assertThat(node.halts).as("seed %d", seed).isEmpty();
      }
    }
  }

  static Function<Envelope, Answer> sometimesUnwilling(SplittableRandom random) {
    return envelope ->
        envelope.message() instanceof Proposal && random.nextInt(6) == 0
            ? Answer.refused("no")
            : new Answer.Accepted();
  }

  static void something(World world, SplittableRandom random, AtomicInteger numbers) {
    var alive = world.alive();
    if (alive.isEmpty()) {
      return;
    }
    var node = alive.get(random.nextInt(alive.size()));
    int number = numbers.incrementAndGet();
    switch (random.nextInt(16)) {
      case 0 -> {
        if (alive.size() > 1) {
          node.kill();
        }
      }
      case 1 -> {
        node.process.pause();
        world.simulation.after(Duration.ofMillis(random.nextInt(3000)), node.process::resume);
      }
      case 2, 3 -> {
        if (world.nodes.size() < 10 && !world.starting()) {
          var joiner = world.start();
          joiner.answers = sometimesUnwilling(random);
          var _ = joiner.join().thenCompose(Transaction::end);
        }
      }
      case 4 -> {
        if (alive.size() > 2) {
          var _ = node.close();
        }
      }
      case 5, 6 -> {
        var _ =
            node.watched(node.channel.begin().outcome())
                .thenCompose(begun -> change(begun, number));
      }
      case 7 -> {
        var pending = node.channel.send(new ChangeCapacity(number));
        var _ = node.watched(pending.outcome());
        world.simulation.after(
            Duration.ofMillis(random.nextInt(20)),
            () -> node.process.loop().execute(pending::cancel));
      }
      case 8, 9, 10 -> {
        var _ = node.send(new Remove(number % 256));
      }
      default -> {
        var _ = node.send(new ChangeCapacity(number));
      }
    }
  }

  private static CompletableFuture<?> change(Begun begun, int number) {
    if (begun instanceof Begun.Open(var transaction)) {
      return transaction
          .send(new Hold(Change.REGROUPED, number, Bits256.NONE))
          .thenCompose(_ -> transaction.send(new MetadataUpdated(number, 0)))
          .thenCompose(_ -> transaction.finish(new Resume(number)));
    }
    return CompletableFuture.completedFuture(begun);
  }

  /** The first version of md-cluster: down to CR, up to EX. */
  @Test
  void theDeadlockOfTheOriginalIsFound() {
    var world = new PlainWorld(1, ChannelFaultsTest::original);
    var sender = world.joined();
    var others = List.of(world.joined(), world.joined());

    assertThatThrownBy(
            () -> {
              var _ = sender.send(new ChangeCapacity(1));
              world.settle();
              for (var node : others) {
                assertThat(node.halts).isEmpty();
              }
            })
        .isInstanceOf(AssertionError.class);
    assertThat(others)
        .anySatisfy(node ->
            assertThat(node.halts).singleElement().asString().contains("deadlock", "message"));
  }

  private static Exchange original(ChannelState state) {
    return new SharedAck(state, new Modes(LockMode.CR, LockMode.EX));
  }
}
