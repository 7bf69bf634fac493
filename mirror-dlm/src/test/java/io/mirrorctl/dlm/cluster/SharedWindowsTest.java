package io.mirrorctl.dlm.cluster;

import static io.mirrorctl.dlm.cluster.ClusterRig.CHUNK;
import static io.mirrorctl.dlm.cluster.ClusterRig.PATIENCE;
import static io.mirrorctl.dlm.cluster.ClusterRig.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.array.ClusterPort;
import io.mirrorctl.core.array.ClusterPort.Window;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Of the windows in which a node copies only what it copies is closed to others. */
class SharedWindowsTest {
  private static final Window EARLIER = window(0, 2);
  private static final Window LATER = window(4, 6);

  @TempDir private Path directory;

  private static Window window(int... chunks) {
    List<SectorRange> parts = new ArrayList<>();
    for (int chunk : chunks) {
      parts.add(SectorRange.coveringBytes((long) chunk * CHUNK, CHUNK));
    }
    return new Window(parts);
  }

  private static CompletableFuture<Void> writing(ClusterRig.Node node, int chunk, int fill) {
    return node.writing((long) chunk * CHUNK, fill);
  }

  private static void assertWaits(CompletableFuture<?> write) {
    assertThatThrownBy(() -> write.get(200, TimeUnit.MILLISECONDS))
        .isInstanceOf(TimeoutException.class);
  }

  private static void finish(CompletableFuture<?> write) throws Exception {
    write.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
  }

  /** Stops the first copy of chunk 0 to member 1, whichever node makes it. */
  private static final class Copying {
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch go = new CountDownLatch(1);
    private final AtomicReference<ClusterRig.Node> copier = new AtomicReference<>();

    void watch(ClusterRig rig, ClusterRig.Node node) throws IOException {
      long data = rig.dataOffset(1);
      node.member(1)
          .hook((offset, length) -> {
            if (offset == data && length == CHUNK && copier.compareAndSet(null, node)) {
              reached.countDown();
              await(go);
            }
          });
    }

    private static void await(CountDownLatch latch) throws IOException {
      try {
        latch.await();
      } catch (InterruptedException e) {
        throw new DeviceException(IoFailure.OTHER, "interrupted");
      }
    }
  }

  /** Chunks 0 and 2 are missing on member 1, which comes back; returns in the middle of chunk 0. */
  private static Copying copying(ClusterRig rig, ClusterRig.Node one, ClusterRig.Node two)
      throws Exception {
    String disk = one.member(1).name();
    one.array().array().members().fail(disk);
    one.write(0, 1, 4096);
    two.write(2 * CHUNK, 2, 4096);
    var copying = new Copying();
    copying.watch(rig, one);
    copying.watch(rig, two);
    one.array().array().members().reAdd(disk);
    assertThat(copying.reached.await(60, TimeUnit.SECONDS)).isTrue();
    return copying;
  }

  @Test
  void onlyWhatIsCopiedIsClosedToWritesOfOthers() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      Copying copying = copying(rig, first, second);
      ClusterRig.Node other = copying.copier.get() == first ? second : first;
      finish(writing(other, 1, 3));
      var here = writing(other, 0, 4);
      var there = writing(other, 2, 5);
      assertWaits(here);
      assertWaits(there);
      copying.go.countDown();
      finish(here);
      finish(there);
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> assertThat(first.states()).containsExactly("in-sync", "in-sync"));
      first.awaitQuiet();
      for (int chunk = 0; chunk < 3; chunk++) {
        int fill = chunk == 1 ? 3 : 4 + chunk / 2;
        assertThat(rig.onMembers((long) chunk * CHUNK, CHUNK)).startsWith(bytes(fill, 4096));
      }
    }
  }

  @Test
  void aNodeThatDiesInTheMiddleOfACopyIsFollowedByAnother() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      Copying copying = copying(rig, first, second);
      ClusterRig.Node dead = copying.copier.get();
      ClusterRig.Node other = dead == first ? second : first;
      var here = writing(other, 0, 4);
      assertWaits(here);
      finish(writing(other, 1, 3));
      int slot = dead.array().slot();
      var dying = CompletableFuture.runAsync(dead::die);
      copying.go.countDown();
      finish(dying);
      finish(here);
      other.awaitFree(slot);
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> assertThat(other.states()).containsExactly("in-sync", "in-sync"));
      other.awaitQuiet();
      assertThat(rig.onMembers(0, CHUNK)).startsWith(bytes(4, 4096));
      assertThat(rig.onMembers(CHUNK, CHUNK)).startsWith(bytes(3, 4096));
      assertThat(rig.onMembers(2 * CHUNK, CHUNK)).startsWith(bytes(2, 4096));
    }
  }

  /** R15: who comes in knows of all windows, but of no mask until a window is announced to it. */
  @Test
  void whoComesInBetweenTwoAnnouncementsWaitsForTheWholeOfBothWindows() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      try (ClusterPort.Permit permit = first.array().port().beginResync()) {
        permit.announce(List.of(EARLIER));
        ClusterRig.Node third = rig.node(3);
        finish(writing(second, 1, 2));
        var inEarlier = writing(third, 1, 3);
        assertWaits(inEarlier);
        permit.announce(List.of(EARLIER, LATER));
        finish(writing(third, 5, 3));
        assertThat(inEarlier).as("what was not masked to it stays whole").isNotDone();
        ClusterRig.Node fourth = rig.node(4);
        var inLater = writing(fourth, 5, 4);
        var alsoInEarlier = writing(fourth, 0, 4);
        assertWaits(inLater);
        permit.announce(List.of(LATER));
        finish(inEarlier);
        finish(alsoInEarlier);
        finish(inLater);
        var copied = writing(fourth, 6, 4);
        assertWaits(copied);
        permit.announce(List.of());
        finish(copied);
      }
      assertThat(rig.onMembers(0, CHUNK)).startsWith(bytes(4, 4096));
      assertThat(rig.onMembers(CHUNK, CHUNK)).startsWith(bytes(3, 4096));
      assertThat(rig.onMembers(5 * CHUNK, CHUNK)).startsWith(bytes(4, 4096));
      assertThat(rig.onMembers(6 * CHUNK, CHUNK)).startsWith(bytes(4, 4096));
    }
  }

  @Test
  void bothWindowsOfANodeThatDiesBetweenThemStayClosedUntilItIsTakenOver() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.write(0, 2, 4096);
      second.write(4 * CHUNK, 2, 4096);
      ClusterPort.Permit permit = second.array().port().beginResync();
      permit.announce(List.of(EARLIER));
      permit.announce(List.of(EARLIER, LATER));
      var inEarlier = writing(first, 2, 1);
      var inLater = writing(first, 6, 1);
      finish(writing(first, 1, 1));
      finish(writing(first, 5, 1));
      assertWaits(inEarlier);
      second.die();
      // as if it had died in the middle of a copy
      rig.corrupt(1, 512, bytes(9, 512));
      rig.corrupt(1, 4 * CHUNK + 512, bytes(9, 512));
      assertThat(inEarlier).isNotDone();
      assertThat(inLater).isNotDone();
      finish(inEarlier);
      finish(inLater);
      first.awaitFree(1);
      first.awaitQuiet();
      assertThat(first.read(0, 4096)).isEqualTo(rig.onMembers(0, 4096));
      assertThat(first.read(4 * CHUNK, 4096)).isEqualTo(rig.onMembers(4 * CHUNK, 4096));
    }
  }
}
