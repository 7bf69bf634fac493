package io.mirrorctl.dlm.cluster;

import static io.mirrorctl.dlm.cluster.ClusterRig.CHUNK;
import static io.mirrorctl.dlm.cluster.ClusterRig.PATIENCE;
import static io.mirrorctl.dlm.cluster.ClusterRig.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.dlm.member.Heartbeat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes whose servers are away (decision D4). */
class LostServersTest {
  @TempDir private Path directory;

  @Test
  void ioStopsAtTheEndOfTheLeaseAndGoesOnWithTheServers() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      rig.heartbeat(Heartbeat.DEFAULT); // three seconds from the end of the lease to the session's
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      rig.stopServers();
      first.write(0, 1, 4096); // the lease lasts a while
      await().atMost(PATIENCE).until(() -> !first.node().membership().lease().isValid());
      var submitted = new AtomicInteger();
      first.member(0).hook((_, _) -> submitted.incrementAndGet());
      var held = first.writing(CHUNK, 2);
      assertThatThrownBy(() -> held.get(300, TimeUnit.MILLISECONDS))
          .isInstanceOf(TimeoutException.class);
      assertThat(submitted).as("writes of data and metadata without a lease").hasValue(0);
      assertThat(rig.onMembers(CHUNK, 4096)).isEqualTo(bytes(0, 4096));
      rig.startServers();
      held.get(60, TimeUnit.SECONDS);
      assertThat(second.read(CHUNK, 4096)).isEqualTo(bytes(2, 4096));
      assertThat(first.halts()).isEmpty();
      assertThat(second.halts()).isEmpty();
    }
  }

  @Test
  void aWriteThatCameBackAfterTheEndOfTheLeaseIsNeverAcknowledgedWithoutTheSession()
      throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node node = rig.node(1);
      var leaseOver = new CountDownLatch(1);
      node.member(0)
          .hook((_, _) -> {
            try {
              leaseOver.await();
            } catch (InterruptedException e) {
              throw new IOException(e);
            }
          });
      var write = node.writing(CHUNK, 2);
      rig.stopServers();
      await().atMost(PATIENCE).until(() -> !node.node().membership().lease().isValid());
      leaseOver.countDown();
      assertThatThrownBy(() -> write.get(60, TimeUnit.SECONDS))
          .hasRootCauseInstanceOf(DeviceException.class);
      assertThat(node.halts()).hasSize(1);
      assertThat(node.node().lateWrites()).isNotEmpty();
      rig.startServers();
    }
  }

  @Test
  void aLostSessionFailsWhatWaitsAndTheNodeCanJoinAgain() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.write(0, 1, 4096);
      rig.expire(second);
      await().atMost(PATIENCE).until(() -> !second.halts().isEmpty());
      assertThatThrownBy(() -> second.write(0, 3, 4096)).isInstanceOf(DeviceException.class);
      second.die();
      ClusterRig.Node again = rig.node(2);
      assertThat(again.read(0, 4096)).isEqualTo(bytes(1, 4096));
      again.write(0, 4, 4096);
      assertThat(first.read(0, 4096)).isEqualTo(bytes(4, 4096));
      first.awaitMembers(first, again);
      first.awaitQuiet();
      again.awaitQuiet();
      assertThat(rig.onMembers(0, 4096)).isEqualTo(bytes(4, 4096));
    }
  }
}
