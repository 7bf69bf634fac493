package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.dlm.message.ClusterMessage.ChangeCapacity;
import io.mirrorctl.dlm.message.ClusterMessage.NewDisk;
import io.mirrorctl.dlm.message.ClusterMessage.Proposal;
import io.mirrorctl.dlm.message.FaultyStore.Fault;
import io.mirrorctl.dlm.zookeeper.ZooKeeperEnsemble;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Real nodes that all send at once, while one after the other fails at some commit and the next
 * incarnation of it joins. {@code -Dmessage.seconds=N} says how long.
 */
class ChannelChaosTest {
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final int NODES = 4;
  private static final int LATEST_COMMIT = 12;

  @TempDir private Path directory;

  @Test
  void allAgreeWhoeverFails() throws Exception {
    run(Duration.ofSeconds(Long.getLong("message.seconds", 10)));
  }

  @Tag("nightly")
  @Test
  void allAgreeWhoeverFailsForALongTime() throws Exception {
    run(Duration.ofSeconds(Long.getLong("message.seconds", 900)));
  }

  /** One incarnation that sends without end. */
  private static final class Talker {
    final RealNode node;
    final Set<ClusterMessage> delivered = ConcurrentHashMap.newKeySet();
    private final SplittableRandom random;
    private volatile boolean talks = true;
    private volatile boolean waits;

    Talker(RealNode node, SplittableRandom random) {
      this.node = node;
      this.random = random;
    }

    void talk() {
      if (!talks || !node.isAlive()) {
        return;
      }
      ClusterMessage message =
          random.nextBoolean()
              ? new ChangeCapacity(random.nextLong(1, Long.MAX_VALUE))
              : new NewDisk(new UUID(random.nextLong(), random.nextLong()), 1);
      waits = true;
      var _ =
          node.send(message)
              .thenAccept(delivery -> {
                if (delivery instanceof Delivery.Delivered) {
                  delivered.add(message);
                }
                waits = false;
                talk();
              });
    }

    boolean isDone() {
      return !waits || !node.isAlive();
    }
  }

  private void run(Duration time) throws Exception {
    long seed = Long.getLong("message.seed", System.nanoTime());
    var random = new SplittableRandom(seed);
    List<Talker> all = new ArrayList<>();
    var log = new CommitLog();
    try (var ensemble = ZooKeeperEnsemble.start(directory)) {
      var talkers = new Talker[NODES];
      for (int i = 0; i < NODES; i++) {
        talkers[i] = join(ensemble, i, log, random, all);
      }
      // what one says alone is heard by nobody
      List.of(talkers).forEach(Talker::talk);
      long end = System.nanoTime() + time.toNanos();
      var faults = Fault.values();
      while (System.nanoTime() < end) {
        TimeUnit.MILLISECONDS.sleep(random.nextInt(300));
        int place = random.nextInt(NODES);
        Talker victim = talkers[place];
        Fault fault = faults[random.nextInt(faults.length)];
        victim.node.failAt(1 + random.nextInt(LATEST_COMMIT), fault);
        if (fault.isDeath()) {
          await().atMost(PATIENCE).until(() -> !victim.node.isAlive());
          talkers[place] = join(ensemble, place, log, random, all);
          talkers[place].talk();
        }
      }
      for (Talker talker : all) {
        talker.talks = false;
      }
      await().atMost(PATIENCE).until(() -> all.stream().allMatch(Talker::isDone));
      for (int i = 0; i < NODES; i++) {
        while (!isHeard(talkers[i], seed)) {
          talkers[i] = join(ensemble, i, log, random, all);
        }
      }
      judge(seed, all);
    } finally {
      all.forEach(talker -> talker.node.close());
    }
  }

  /** Whether the others hear it; one whose connection was away for too long may be gone. */
  private static boolean isHeard(Talker talker, long seed) {
    var delivery = RealNode.wait(talker.node.send(new ChangeCapacity(1 + talker.node.number)));
    boolean heard = delivery instanceof Delivery.Delivered;
    assertThat(heard || talker.node.mayEnd())
        .as(
            "seed %d: %s of node %d, which ends: %s",
            seed, delivery, talker.node.number, talker.node.ends)
        .isTrue();
    return heard;
  }

  private Talker join(
      ZooKeeperEnsemble ensemble,
      int place,
      CommitLog log,
      SplittableRandom random,
      List<Talker> all) {
    var node =
        new RealNode(ensemble.connectString(place % 3), "/chaos", place + 1, RealNode.LIMIT, log);
    var talker = new Talker(node, random.split());
    all.add(talker);
    node.joined();
    return talker;
  }

  private static void judge(long seed, List<Talker> all) {
    var order = new TotalOrder();
    for (Talker talker : all) {
      order.add("seed %d".formatted(seed), talker.node.applied, talker.node.sent);
    }
    var heard = new HashSet<>(order.messages());
    int delivered = 0;
    for (Talker talker : all) {
      order.assertNoneMissed("seed %d".formatted(seed), talker.node.applied, talker.node.sent);
      assertThat(heard).as("seed %d: heard by somebody", seed).containsAll(talker.delivered);
      assertThat(talker.node.bugs()).as("seed %d", seed).isEmpty();
      assertThat(talker.node.isAlive() || talker.node.mayEnd())
          .as("seed %d: node %d ends: %s", seed, talker.node.number, talker.node.ends)
          .isTrue();
      delivered += talker.delivered.size();
    }
    long proposals = order.messages().stream().filter(Proposal.class::isInstance).count();
    System.out.printf(
        "seed %d: %d messages (%d proposals), %d delivered, %d incarnations%n",
        seed, order.messages().size(), proposals, delivered, all.size());
    assertThat(delivered).as("seed %d", seed).isGreaterThan(NODES);
  }
}
