package io.mirrorctl.dlm.cluster;

import static io.mirrorctl.dlm.cluster.ClusterRig.CHUNK;
import static io.mirrorctl.dlm.cluster.ClusterRig.PATIENCE;
import static io.mirrorctl.dlm.cluster.ClusterRig.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.array.ClusterPort;
import io.mirrorctl.core.array.ClusterPort.Window;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.dlm.lock.SlotState;
import io.mirrorctl.dlm.store.StoreCounts;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What is told of copying ends with it, and is not told where there was none. */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class OldWindowsTest {
  private static final List<Window> FIRST_CHUNK =
      List.of(Window.of(new SectorRange(0, CHUNK / 512)));

  @TempDir private Path directory;

  /** Trap T4: what the dead node copied must not be read as what the next one in its slot does. */
  @Test
  void theNextNodeInTheSlotOfADeadOneIsNotTakenToCopyWhatThatOneDid() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.array().port().beginResync().announce(FIRST_CHUNK);
      second.die();
      first.awaitFree(1);
      first.awaitQuiet();
      ClusterRig.Node next = rig.node(3);
      assertThat(next.array().slot()).isEqualTo(1);
      ClusterRig.Node last = rig.node(4);

      last.write(0, 4, 4096);

      assertThat(next.read(0, 4096)).isEqualTo(bytes(4, 4096));
    }
  }

  /** Trap T2: whoever else dies or ends, the window of who copies stays closed. */
  @Test
  void theEndOfOneNodesWindowLeavesThatOfAnother() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      ClusterRig.Node third = rig.node(3);
      try (ClusterPort.Permit copying = second.array().port().beginResync()) {
        copying.announce(FIRST_CHUNK);
        third.die(); // which had no window
        first.awaitFree(2);
        var write = first.writing(0, 1);
        await().during(300, TimeUnit.MILLISECONDS).until(() -> !write.isDone());
        copying.announce(List.of());
        write.get(60, TimeUnit.SECONDS);
      }
      assertThat(second.read(0, 4096)).isEqualTo(bytes(1, 4096));
    }
  }

  /** A16: or each that finds nothing to copy would send all others to look whether they do. */
  @Test
  void aTurnInWhichNothingWasCopiedIsToldToNobody() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      await().atMost(PATIENCE).until(() -> first.slots().equals(second.slots()));
      assertThat(first.slots()).filteredOn(SlotState.Member.class::isInstance).hasSize(2);
      int turns = 50;
      long before = System.nanoTime();
      long asked = commits(second);
      for (int turn = 0; turn < turns; turn++) {
        first.array().port().beginResync().close();
      }
      long renewals = 2 + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - before) / 500;
      assertThat(commits(second) - asked)
          .as("commits of who has nothing to answer, in %d turns", turns)
          .isLessThanOrEqualTo(renewals);
    }
  }

  private static long commits(ClusterRig.Node node) {
    StoreCounts counts = node.node().membership().store().counts();
    return counts.commits();
  }
}
