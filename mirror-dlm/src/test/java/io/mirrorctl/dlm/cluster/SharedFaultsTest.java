package io.mirrorctl.dlm.cluster;

import static io.mirrorctl.dlm.cluster.ClusterRig.CHUNK;
import static io.mirrorctl.dlm.cluster.ClusterRig.PATIENCE;
import static io.mirrorctl.dlm.cluster.ClusterRig.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.dlm.store.StoreCounts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Several nodes that meet the same fault, or different ones, at the same time. */
class SharedFaultsTest {
  @TempDir private Path directory;

  @Test
  void aDiskThatDiesForAllIsFailedOnce() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      List<ClusterRig.Node> nodes = List.of(rig.node(1), rig.node(2), rig.node(3));
      long events = nodes.getFirst().status().events();
      nodes.forEach(node -> node.member(1).fail());
      List<CompletableFuture<Boolean>> writes = new ArrayList<>();
      for (int i = 0; i < nodes.size(); i++) {
        writes.add(nodes.get(i).tryWriting((long) i * CHUNK, i + 1));
      }
      for (CompletableFuture<Boolean> write : writes) {
        assertThat(write.get(60, TimeUnit.SECONDS)).isTrue();
      }
      for (ClusterRig.Node node : nodes) {
        assertThat(node.states()).containsExactly("in-sync", "faulty");
        assertThat(node.read(2L * CHUNK, 4096)).isEqualTo(bytes(3, 4096));
        assertThat(node.status().events()).isEqualTo(events + 1);
      }
    }
  }

  @Test
  void whenEachOfTwoNodesLosesAnotherDiskTheLastOneStays() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      first.member(0).fail();
      second.member(1).fail();
      var here = first.tryWriting(0, 1);
      var there = second.tryWriting(CHUNK, 2);
      boolean firstDid = here.get(60, TimeUnit.SECONDS);
      boolean secondDid = there.get(60, TimeUnit.SECONDS);
      // one of them sees its disk as the last, whose errors go to its clients, or it halts
      assertThat(firstDid ^ secondDid).as("first %s, second %s", firstDid, secondDid).isTrue();
      ClusterRig.Node lucky = firstDid ? first : second;
      lucky.write(2 * CHUNK, 3, 4096);
      assertThat(lucky.read(2 * CHUNK, 4096)).isEqualTo(bytes(3, 4096));
      assertThat(lucky.states()).containsOnlyOnce("in-sync");
    }
  }

  @Test
  void aDiskThatAnotherNodeDoesNotReachIsNotTakenBack() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      rig.paths(PathPolicy.FAIL);
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.member(1).fail();
      assertThat(second.tryWriting(0, 1).get(60, TimeUnit.SECONDS)).isTrue();
      assertThat(first.states()).containsExactly("in-sync", "faulty");
      long events = first.status().events();
      String disk = first.status().members().get(1).disk();

      assertThatThrownBy(() -> first.array().array().members().reAdd(disk))
          .hasMessageContaining("slot 1 refused: cannot use member 1");
      assertThat(first.states()).containsExactly("in-sync", "faulty");
      assertThat(first.status().events()).isEqualTo(events);
      second.write(CHUNK, 2, 4096);
      assertThat(second.halts()).isEmpty();

      second.member(1).heal();
      first.array().array().members().reAdd(disk);
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> assertThat(second.states()).containsExactly("in-sync", "in-sync"));
    }
  }

  @Test
  void nodesThatComeAtTheSameTimeAllGetIn() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      List<ClusterRig.Node> nodes = List.of(rig.member(1), rig.member(2), rig.member(3));
      var joins = nodes.stream().map(node -> CompletableFuture.runAsync(() -> join(node))).toList();
      for (CompletableFuture<Void> join : joins) {
        join.get(60, TimeUnit.SECONDS);
      }
      assertThat(nodes).extracting(node -> node.array().slot()).containsExactlyInAnyOrder(0, 1, 2);
      nodes.get(1).write(0, 5, 4096);
      for (ClusterRig.Node node : nodes) {
        assertThat(node.read(0, 4096)).isEqualTo(bytes(5, 4096));
      }
      var leaves =
          nodes.stream().map(node -> CompletableFuture.runAsync(() -> leave(node))).toList();
      for (CompletableFuture<Void> leave : leaves) {
        leave.get(60, TimeUnit.SECONDS);
      }
      assertThat(rig.resyncOffset(0)).isEqualTo(Superblock.MAX_SECTOR);
    }
  }

  private static void join(ClusterRig.Node node) {
    try {
      node.assemble();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void leave(ClusterRig.Node node) {
    try {
      node.leave();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void readingAndWritingAsksTheServersNothing() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      first.write(0, 1, 4096);
      second.write(CHUNK, 1, 4096);
      await().atMost(PATIENCE).until(() -> first.slots().equals(second.slots()));
      long before = System.nanoTime();
      long asked = asked(first) + asked(second);
      for (int i = 0; i < 1000; i++) {
        first.write((i % 16) * 4096L, i, 4096);
        second.write(CHUNK + (i % 16) * 4096L, i, 4096);
        byte[] _ = first.read(CHUNK, 4096);
      }
      long renewals = 2 * (2 + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - before) / 500);
      assertThat(asked(first) + asked(second) - asked).isLessThanOrEqualTo(renewals);
    }
  }

  private static long asked(ClusterRig.Node node) {
    StoreCounts counts = node.node().membership().store().counts();
    return counts.commits() + counts.reads();
  }
}
