package io.mirrorctl.dlm.cluster;

import static io.mirrorctl.dlm.cluster.ClusterRig.CHUNK;
import static io.mirrorctl.dlm.cluster.ClusterRig.PATIENCE;
import static io.mirrorctl.dlm.cluster.ClusterRig.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.array.ClusterPort;
import io.mirrorctl.core.array.ClusterPort.Window;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.dlm.lock.SlotState;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Copying between members while other nodes use the array. */
class SharedResyncTest {
  @TempDir private Path directory;

  @Test
  void nobodyWritesWhereAnotherNodeCopies() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      CompletableFuture<Void> write;
      try (ClusterPort.Permit permit = first.array().port().beginResync()) {
        permit.announce(List.of(Window.of(new SectorRange(0, CHUNK / 512))));
        write = second.writing(0, 2);
        ClusterRig.Node third = rig.node(3); // hears of it as it comes in
        var later = third.writing(4096, 3);
        assertThat(second.read(0, 4096)).isEqualTo(bytes(0, 4096));
        assertThat(third.read(0, 4096)).isEqualTo(bytes(0, 4096));
        assertThat(write).isNotDone();
        assertThat(later).isNotDone();
        permit.announce(List.of());
        write.get(60, TimeUnit.SECONDS);
        later.get(60, TimeUnit.SECONDS);
      }
      assertThat(first.read(0, 4096)).isEqualTo(bytes(2, 4096));
      assertThat(first.read(4096, 4096)).isEqualTo(bytes(3, 4096));
    }
  }

  @Test
  void oneCopiesAtATimeAndWhoRepairsIsLetIn() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      ClusterPort.Permit copying = first.array().port().beginResync();
      var waiting = begin(second, false);
      assertThat(copying.isWanted()).isFalse();
      var repairing = begin(second, true);
      await().atMost(PATIENCE).until(copying::isWanted);
      assertThat(waiting).isNotDone();
      copying.close();
      ClusterPort.Permit repair = repairing.get(60, TimeUnit.SECONDS);
      assertThat(waiting).isNotDone();
      assertThat(repair.isWanted()).isFalse();
      repair.close();
      waiting.get(60, TimeUnit.SECONDS).close();
    }
  }

  private static CompletableFuture<ClusterPort.Permit> begin(ClusterRig.Node node, boolean repair) {
    return CompletableFuture.supplyAsync(() -> {
      try {
        ClusterPort port = node.array().port();
        return repair ? port.beginRepair() : port.beginResync();
      } catch (IOException | InterruptedException e) {
        throw new IllegalStateException(e);
      }
    });
  }

  @Test
  void aStopEndsTheWaitForATurn() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      try (ClusterPort.Permit _ = first.array().port().beginResync()) {
        var waiting = begin(second, false);
        assertThat(waiting).isNotDone();
        second.array().stop();
        assertThatThrownBy(() -> waiting.get(60, TimeUnit.SECONDS)).hasMessageContaining("stopped");
      }
    }
  }

  @Test
  void aMemberThatComesBackGetsWhatAnyNodeWroteWithoutIt() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      String disk = first.member(1).name();
      first.array().array().members().fail(disk);
      first.write(0, 1, 4096);
      second.write(8 * CHUNK, 2, 4096);
      first.array().array().members().reAdd(disk);
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> {
            assertThat(first.states()).containsExactly("in-sync", "in-sync");
            assertThat(second.states()).containsExactly("in-sync", "in-sync");
          });
      assertThat(rig.onMembers(0, CHUNK)).startsWith(bytes(1, 4096));
      assertThat(rig.onMembers(8 * CHUNK, CHUNK)).startsWith(bytes(2, 4096));
    }
  }

  @Test
  void whoLeavesWithBitsSetIsTakenOver() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      String disk = first.member(1).name();
      first.array().array().members().fail(disk);
      second.write(2 * CHUNK, 2, 4096); // stays dirty, as a member is missing
      second.leave();
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> assertThat(first.status().dirtyChunks()).isEqualTo(1));
      assertThat(first.slots()).noneMatch(SlotState.NeedsTakeover.class::isInstance);
      first.array().array().members().reAdd(disk);
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> assertThat(first.states()).containsExactly("in-sync", "in-sync"));
      assertThat(rig.onMembers(2 * CHUNK, CHUNK)).startsWith(bytes(2, 4096));
    }
  }
}
