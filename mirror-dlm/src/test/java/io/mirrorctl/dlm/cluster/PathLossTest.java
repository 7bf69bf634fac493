package io.mirrorctl.dlm.cluster;

import static io.mirrorctl.dlm.cluster.ClusterRig.CHUNK;
import static io.mirrorctl.dlm.cluster.ClusterRig.PATIENCE;
import static io.mirrorctl.dlm.cluster.ClusterRig.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.dlm.lock.SlotState;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes that lose the way to a member which others reach (schedule R11). */
class PathLossTest {
  @TempDir private Path directory;

  private static PathLost awaitLost(ClusterRig.Node node) throws Exception {
    return node.array().lost().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
  }

  @Test
  void whoAloneDoesNotReachAMemberLeavesAndNothingIsFailed() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.write(0, 1, 4096);
      long events = first.status().events();
      second.member(1).fail();

      assertThatThrownBy(() -> second.write(CHUNK, 2, 4096)).isInstanceOf(DeviceException.class);

      PathLost why = awaitLost(second);
      assertThat(why.disk()).contains(second.status().members().get(1).disk());
      assertThat(why.reachedBy()).isEqualTo(OptionalInt.of(1));
      assertThatThrownBy(() -> second.read(0, 4096)).hasMessageContaining("given up");
      first.awaitFree(1);
      first.awaitQuiet();
      assertThat(first.states()).containsExactly("in-sync", "in-sync");
      assertThat(first.status().events()).isEqualTo(events);
      var _ = rig.onMembers(0, 2 * CHUNK);
      assertThat(second.halts()).isEmpty();
      assertThat(second.node().arrays()).isEmpty();

      second.assemble();
      second.write(CHUNK, 3, 4096);
      assertThat(first.read(CHUNK, 4096)).isEqualTo(bytes(3, 4096));
      assertThat(second.states()).containsExactly("in-sync", "in-sync");
    }
  }

  @Test
  void aMemberThatNobodyReachesIsFailedForAll() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      List<ClusterRig.Node> nodes = List.of(rig.node(1), rig.node(2), rig.node(3));
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
        assertThat(node.array().lost()).isNotDone();
        assertThat(node.halts()).isEmpty();
      }
    }
  }

  @Test
  void aSectorThatCannotBeWrittenIsTheMembersOwnAffair() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second
          .member(1)
          .hook((offset, _) -> {
            if (offset >= 1 << 20) {
              throw new DeviceException(IoFailure.MEDIUM, "bad sector");
            }
          });
      second.write(8 << 20, 2, 4096);
      assertThat(second.array().lost()).isNotDone();
      for (ClusterRig.Node node : List.of(first, second)) {
        assertThat(node.states()).containsExactly("in-sync", "faulty");
      }
    }
  }

  @Test
  void withFailTheMemberIsFailedForAllAtOnce() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      rig.paths(PathPolicy.FAIL);
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.member(1).fail();
      second.write(0, 2, 4096);
      assertThat(first.states()).containsExactly("in-sync", "faulty");
      assertThat(second.array().lost()).isNotDone();
    }
  }

  @Test
  void whenTwoNodesLoseDifferentMembersOneLeavesAndTheOtherGoesOn() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      first.member(0).fail();
      second.member(1).fail();
      var here = first.tryWriting(0, 1);
      var there = second.tryWriting(CHUNK, 2);
      boolean firstDid = here.get(60, TimeUnit.SECONDS);
      boolean secondDid = there.get(60, TimeUnit.SECONDS);
      assertThat(firstDid ^ secondDid).as("first %s, second %s", firstDid, secondDid).isTrue();
      ClusterRig.Node stays = firstDid ? first : second;
      ClusterRig.Node leaves = firstDid ? second : first;
      var _ = awaitLost(leaves);
      assertThat(stays.array().lost()).isNotDone();
      stays.write(2 * CHUNK, 3, 4096);
      assertThat(stays.read(2 * CHUNK, 4096)).isEqualTo(bytes(3, 4096));
      assertThat(stays.states()).containsOnlyOnce("in-sync");
      assertThat(first.halts()).isEmpty();
      assertThat(second.halts()).isEmpty();
    }
  }

  @Test
  void whoReachesNoMemberAtAllLeaves() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.member(0).fail();
      second.member(1).fail();
      assertThatThrownBy(() -> second.read(0, 4096)).isInstanceOf(IOException.class);
      assertThatThrownBy(() -> second.write(0, 1, 4096)).isInstanceOf(IOException.class);
      var _ = awaitLost(second);
      first.awaitFree(1);
      first.write(0, 3, 4096);
      assertThat(first.states()).containsExactly("in-sync", "in-sync");
      assertThat(second.halts()).isEmpty();
    }
  }

  @Test
  void whoLosesItsOnlyInSyncMemberLeavesToo() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      first.array().array().members().fail(first.status().members().get(1).disk());
      second.member(0).fail();
      assertThat(second.tryWriting(0, 1).get(60, TimeUnit.SECONDS)).isFalse();
      var _ = awaitLost(second);
      first.awaitFree(1);
      first.write(0, 3, 4096);
      assertThat(first.states()).containsExactly("in-sync", "faulty");
    }
  }

  @Test
  void aloneNobodyLeaves() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node only = rig.node(1);
      only.member(0).fail();
      only.write(0, 1, 4096);
      assertThat(only.states()).containsExactly("faulty", "in-sync");
      only.member(1).fail();
      assertThatThrownBy(() -> only.write(0, 1, 4096)).isInstanceOf(IOException.class);
      only.member(1).heal();
      only.write(0, 2, 4096);
      assertThat(only.array().lost()).isNotDone();
    }
  }

  @Test
  void whoCannotFollowAChangeGivesUpTheArrayAndNotTheCluster() throws Exception {
    try (var rig = ClusterRig.start(directory, 4, 3)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.write(0, 2, 4096);
      second.member(2).fail(); // it has not noticed yet
      first.array().array().members().fail(first.status().members().get(1).disk());
      PathLost why = awaitLost(second);
      assertThat(why.text(Integer::toString)).contains("member2");
      first.awaitFree(1);
      first.write(CHUNK, 1, 4096);
      assertThat(first.states()).containsExactly("in-sync", "faulty", "in-sync");
      assertThat(second.halts()).isEmpty();
    }
  }

  @Test
  void whoeverChangesTheMembersLooksWhetherItReachesTheOthersFirst() throws Exception {
    try (var rig = ClusterRig.start(directory, 4, 3)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      long events = first.status().events();
      second.member(2).fail(); // it has not noticed yet
      String disk = second.status().members().get(1).disk();
      assertThatThrownBy(() -> second.array().array().members().fail(disk))
          .hasMessageContaining("member 2 is reached by another node");
      var _ = awaitLost(second);
      first.awaitFree(1);
      assertThat(first.states()).containsExactly("in-sync", "in-sync", "in-sync");
      assertThat(first.status().events()).isEqualTo(events);
    }
  }

  /** A server that was started again, say: by the time the others are asked they reach it. */
  @Test
  void anOutageOfAllPathsThatIsOverByTheTimeTheOthersAreAskedCostsNobodyTheArray()
      throws Exception {
    try (var rig = ClusterRig.start(directory, 4, 3)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.member(2).fail();
      var asked = new AtomicBoolean();
      first
          .member(2)
          .hook((_, _) -> {
            asked.set(true);
            second.member(2).heal();
          });
      second.array().array().members().fail(second.status().members().get(1).disk());
      assertThat(asked).isTrue();
      for (ClusterRig.Node node : List.of(first, second)) {
        assertThat(node.states()).containsExactly("in-sync", "faulty", "in-sync");
      }
      second.write(0, 2, 4096);
      assertThat(second.array().lost()).isNotDone();
    }
  }

  @Test
  void aPathThatHangsAtTheOneWhoIsAskedCountsAsLostAndEjectsNobody() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      var end = new CountDownLatch(1);
      var hangs = new AtomicReference<Thread>();
      first
          .member(1)
          .hook((_, _) -> {
            hangs.set(Thread.currentThread());
            wait(end);
          });
      second.member(1).fail();
      second.write(0, 2, 4096);
      for (ClusterRig.Node node : List.of(first, second)) {
        assertThat(node.states()).containsExactly("in-sync", "faulty");
        assertThat(node.halts()).isEmpty();
      }
      first.write(CHUNK, 1, 4096);
      assertThat(hangs.get()).isNotNull();

      second.member(1).heal();
      String disk = second.status().members().get(1).disk();
      assertThatThrownBy(() -> second.array().array().members().reAdd(disk))
          .hasMessageContaining("refused"); // what hangs may still arrive there
      end.countDown();
      await()
          .atMost(PATIENCE)
          .ignoreExceptions()
          .until(() -> {
            second.array().array().members().reAdd(disk);
            return true;
          });
      first.awaitQuiet();
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> assertThat(first.states()).containsExactly("in-sync", "in-sync"));
      var _ = rig.onMembers(0, 2 * CHUNK);
    }
  }

  private static void wait(CountDownLatch end) throws IOException {
    try {
      end.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DeviceException(IoFailure.OTHER, "interrupted");
    }
  }

  @Test
  void aResyncThatLosesAPathIsDoneByAnotherNode() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      ClusterRig.Node third = rig.node(3);
      // the third's chunks are copied by a node that loses its path as soon as it writes there
      var lost = new AtomicBoolean();
      AtomicReference<ClusterRig.Node> copies = new AtomicReference<>();
      for (ClusterRig.Node node : List.of(first, second)) {
        for (int member = 0; member < 2; member++) {
          MemberFile file = node.member(member);
          file.hook((offset, _) -> {
            if (offset >= 4 << 20 && lost.compareAndSet(false, true)) {
              copies.set(node);
              file.fail();
              throw new DeviceException(IoFailure.GONE, "the path is lost");
            }
          });
        }
      }
      third.write(8 << 20, 3, 4096);
      third.die();
      rig.corrupt(1, (8 << 20) + 4096, bytes(9, 512));
      await().atMost(PATIENCE).until(() -> copies.get() != null);
      ClusterRig.Node stays = copies.get() == first ? second : first;
      var _ = awaitLost(copies.get());
      await()
          .atMost(PATIENCE)
          .until(
              () -> stays.slots().stream().filter(SlotState.Free.class::isInstance).count() == 3);
      stays.awaitQuiet();
      var _ = rig.onMembers(8 << 20, CHUNK);
      assertThat(stays.states()).containsExactly("in-sync", "in-sync");
      stays.write(8 << 20, 4, 4096);
      assertThat(copies.get().halts()).isEmpty();
    }
  }
}
