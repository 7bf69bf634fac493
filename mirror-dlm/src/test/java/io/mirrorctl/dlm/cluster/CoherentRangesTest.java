package io.mirrorctl.dlm.cluster;

import static io.mirrorctl.dlm.cluster.ClusterRig.PATIENCE;
import static io.mirrorctl.dlm.cluster.ClusterRig.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.common.util.concurrent.Uninterruptibles;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.dlm.store.StoreCounts;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Several nodes that read and write the same blocks, with range locks. */
class CoherentRangesTest {
  private static final int BLOCK = 4096;
  private static final int RANGE = 1 << 20;

  @TempDir private Path directory;

  private ClusterRig rig(int slots) throws Exception {
    ClusterRig rig = ClusterRig.start(directory, slots);
    rig.coherence(Coherence.RANGE_LOCKS);
    return rig;
  }

  private interface Work {
    void run() throws Exception;
  }

  private static CompletableFuture<Void> begin(Work work) {
    return CompletableFuture.runAsync(
        () -> {
          try {
            work.run();
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        },
        task -> Thread.ofVirtual().start(task));
  }

  @Test
  void aRangeIsAPowerOfTwoAndThereAreNeverMoreThanAThousandOrSo() {
    assertThat(CoherentRanges.rangeBytes(1)).isEqualTo(1 << 20);
    assertThat(CoherentRanges.rangeBytes(1L << 30)).isEqualTo(1 << 20);
    assertThat(CoherentRanges.rangeBytes((1L << 30) + 512)).isEqualTo(2 << 20);
    assertThat(CoherentRanges.rangeBytes(15L << 40)).isEqualTo(16L << 30);
  }

  @Test
  void allNodesHaveToAgreeThatTheArrayIsCoherent() throws Exception {
    try (var rig = rig(4)) {
      rig.node(1);
      rig.coherence(Coherence.CLIENTS);
      ClusterRig.Node other = rig.member(2);
      assertThatThrownBy(other::assemble)
          .hasMessageContaining("coherent is \"no\" on this node and \"in ranges of 1 MiB\" on");
    }
  }

  /** Every block holds one number; each write is one more than what any read before it returned. */
  @Test
  void aReadNeverReturnsLessThanAnyNodeHasReadOrWrittenBefore() throws Exception {
    try (var rig = rig(4)) {
      List<ClusterRig.Node> nodes = List.of(rig.node(1), rig.node(2), rig.node(3));
      long[] offsets = {0, BLOCK, RANGE - BLOCK, RANGE};
      var next = new AtomicLong();
      var known = new AtomicLongArray(offsets.length);
      List<CompletableFuture<Void>> clients = new ArrayList<>();
      for (int client = 0; client < 6; client++) {
        ClusterRig.Node node = nodes.get(client % 3);
        var random = new SplittableRandom(client);
        clients.add(
            begin(() -> {
              for (int i = 0; i < 60; i++) {
                int block = random.nextInt(offsets.length);
                if (random.nextInt(2) == 0) {
                  // any write begun later gets a higher number, and all of one block are ordered
                  // by a lock of the test, so that the numbers rise on the disks too
                  synchronized (offsets) {
                    long value = next.incrementAndGet();
                    node.write(offsets[block], value, BLOCK);
                    known.accumulateAndGet(block, value, Math::max);
                  }
                } else {
                  long least = known.get(block);
                  long value = whole(node.read(offsets[block], BLOCK));
                  assertThat(value).isGreaterThanOrEqualTo(least);
                  known.accumulateAndGet(block, value, Math::max);
                }
              }
            }));
      }
      for (CompletableFuture<Void> client : clients) {
        client.get(120, TimeUnit.SECONDS);
      }
    }
  }

  @Test
  void requestsOfSeveralNodesToTheSameBlocksNeverMix() throws Exception {
    try (var rig = rig(4)) {
      List<ClusterRig.Node> nodes = List.of(rig.node(1), rig.node(2), rig.node(3));
      List<CompletableFuture<Void>> clients = new ArrayList<>();
      for (int client = 0; client < nodes.size(); client++) {
        ClusterRig.Node node = nodes.get(client);
        int number = client;
        clients.add(
            begin(() -> {
              for (int i = 0; i < 60; i++) {
                // across the border of two ranges
                node.write(RANGE - 4L * BLOCK, number * 1000L + i, 8 * BLOCK);
                whole(node.read(RANGE - 4L * BLOCK, 8 * BLOCK));
              }
            }));
      }
      for (CompletableFuture<Void> client : clients) {
        client.get(120, TimeUnit.SECONDS);
      }
      whole(rig.onMembers(RANGE - 4L * BLOCK, 8 * BLOCK));
    }
  }

  /** The one number that all of it holds. */
  private static long whole(byte[] data) {
    ByteBuffer numbers = ByteBuffer.wrap(data);
    long first = numbers.getLong();
    while (numbers.hasRemaining()) {
      assertThat(numbers.getLong()).as("at %d", numbers.position()).isEqualTo(first);
    }
    return first;
  }

  @Test
  void aNodeThatKeepsToItsRangesAsksTheServersNothing() throws Exception {
    try (var rig = rig(4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      first.write(0, 1, BLOCK);
      second.write(RANGE, 1, BLOCK);
      await().atMost(PATIENCE).until(() -> first.slots().equals(second.slots()));
      long before = System.nanoTime();
      long asked = asked(first) + asked(second);
      for (int i = 0; i < 500; i++) {
        first.write((i % 16) * (long) BLOCK, i, BLOCK);
        second.write(RANGE + (i % 16) * (long) BLOCK, i, BLOCK);
        byte[] _ = first.read(0, BLOCK);
      }
      long renewals = 2 * (2 + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - before) / 500);
      assertThat(asked(first) + asked(second) - asked).isLessThanOrEqualTo(renewals);
    }
  }

  private static long asked(ClusterRig.Node node) {
    StoreCounts counts = node.node().membership().store().counts();
    return counts.commits() + counts.reads();
  }

  @Test
  void aRangeOfADeadNodeIsHadOnceItIsSurelyDead() throws Exception {
    try (var rig = rig(4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      first.write(0, 1, BLOCK);
      first.die();
      second.write(0, 2, BLOCK);
      assertThat(second.read(0, BLOCK)).isEqualTo(bytes(2, BLOCK));
      second.awaitQuiet();
      assertThat(rig.onMembers(0, BLOCK)).isEqualTo(bytes(2, BLOCK));
    }
  }

  @Test
  void aNodeStopsAlthoughARequestWaitsForARangeOfAnother() throws Exception {
    try (var rig = rig(4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      var inside = new CountDownLatch(1);
      var go = new CountDownLatch(1);
      first.write(0, 1, BLOCK);
      first
          .member(0)
          .hook((offset, length) -> {
            if (length == BLOCK * 2) {
              inside.countDown();
              Uninterruptibles.awaitUninterruptibly(go);
            }
          });
      CompletableFuture<Void> holds = begin(() -> first.write(0, 3, BLOCK * 2));
      assertThat(inside.await(30, TimeUnit.SECONDS)).isTrue();
      CompletableFuture<Throwable> waits =
          begin(() -> second.write(0, 2, BLOCK)).handle((_, failure) -> failure);
      await().during(Duration.ofMillis(300)).until(() -> !waits.isDone());
      second.array().stop();
      assertThat(waits.get(30, TimeUnit.SECONDS))
          .rootCause()
          .isInstanceOf(DeviceException.class)
          .hasMessageContaining("stopped");
      go.countDown();
      holds.get(30, TimeUnit.SECONDS);
      assertThat(first.read(0, BLOCK)).isEqualTo(bytes(3, BLOCK));
    }
  }
}
