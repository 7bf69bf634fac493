package io.mirrorctl.dlm.cluster;

import static io.mirrorctl.dlm.cluster.ClusterRig.CHUNK;
import static io.mirrorctl.dlm.cluster.ClusterRig.PATIENCE;
import static io.mirrorctl.dlm.cluster.ClusterRig.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.array.ArrayOptions;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.ClaimBlock;
import io.mirrorctl.core.format.ClaimRead;
import io.mirrorctl.core.format.MemberMetadata;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Disks that two ensembles of ZooKeeper, or a node without one, have in use (schedule R25). */
class ForeignClaimTest {
  private static final ArrayOptions FORCE = ArrayOptions.DEFAULT.withForce(true);

  @TempDir private Path directory;

  private ClusterRig rig() throws Exception {
    return ClusterRig.start(directory("one"), 4);
  }

  private Path directory(String name) throws IOException {
    return Files.createDirectories(directory.resolve(name));
  }

  private static List<ClaimBlock> claims(ClusterRig rig, int member) throws IOException {
    List<ClaimBlock> blocks = new ArrayList<>();
    try (BlockDevice disk = FileDevice.open(rig.files().get(member), new DeviceAccess.ReadOnly())) {
      for (ClaimRead read : MemberMetadata.read(disk).claimArea().orElseThrow().read(disk)) {
        if (read instanceof ClaimRead.Valid(ClaimBlock block)) {
          blocks.add(block);
        }
      }
    }
    return blocks;
  }

  private static void assertAllReleased(ClusterRig rig) throws IOException {
    for (int member = 0; member < rig.files().size(); member++) {
      assertThat(claims(rig, member)).isNotEmpty().noneMatch(ClaimBlock::isHeld);
    }
  }

  private static void assertRefused(ClusterRig.Node node, ArrayOptions options, String why) {
    assertThatThrownBy(() -> node.assemble(options))
        .isInstanceOfSatisfying(
            ArrayException.class,
            e -> assertThat(e.reason()).isEqualTo(ArrayException.Reason.PROTECTED))
        .hasMessageContaining(why);
  }

  @Test
  void nodesOfAnotherEnsembleAreRefusedWithOrWithoutForceWhileTheFirstOnesLive() throws Exception {
    try (var rig = rig();
        var other = rig.onOtherServers(directory("two"))) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.write(0, 1, 4096);
      ClusterRig.Node stranger = other.member(1);
      stranger.hookMembers((_, _) -> {
        throw new IOException("it wrote");
      });
      assertRefused(stranger, ArrayOptions.DEFAULT, "of cluster c, through another ZooKeeper");
      assertRefused(stranger, FORCE, "--force does not help");
      assertThat(claims(rig, 0)).filteredOn(ClaimBlock::isHeld).hasSize(2);
      first.write(0, 2, 4096);
      assertThat(second.read(0, 4096)).isEqualTo(bytes(2, 4096));
      assertThat(first.halts()).isEmpty();
      first.leave();
      second.leave();
      assertAllReleased(rig);
      stranger.hookMembers((_, _) -> {});
      stranger.assemble();
      assertThat(stranger.read(0, 4096)).isEqualTo(bytes(2, 4096));
    }
  }

  @Test
  void nodesThatWereKilledKeepAnotherEnsembleOutUntilItIsForced() throws Exception {
    try (var rig = rig();
        var other = rig.onOtherServers(directory("two"))) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.write(0, 1, 4096);
      first.die();
      second.die();
      ClusterRig.Node stranger = other.member(1);
      assertRefused(stranger, ArrayOptions.DEFAULT, "--force takes the array");
      stranger.assemble(FORCE);
      stranger.awaitQuiet();
      assertThat(stranger.read(0, 4096)).isEqualTo(bytes(1, 4096));
      assertThat(claims(rig, 1)).filteredOn(ClaimBlock::isHeld).hasSize(1);
      stranger.leave();
      assertAllReleased(rig);
    }
  }

  @Test
  void nodesThatWereAllKilledComeBackThroughTheirEnsembleWithoutForce() throws Exception {
    try (var rig = rig()) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.write(0, 1, 4096);
      first.die();
      second.die();
      ClusterRig.Node again = rig.node(1);
      assertThat(again.array().array().notices()).isEmpty();
      assertThat(again.read(0, 4096)).isEqualTo(bytes(1, 4096));
      await()
          .atMost(PATIENCE)
          .untilAsserted(
              () -> assertThat(claims(rig, 0)).filteredOn(ClaimBlock::isHeld).hasSize(1));
    }
  }

  @Test
  void afterTheLastHasLeftNoDeadNodesClaimIsLeft() throws Exception {
    try (var rig = rig();
        var other = rig.onOtherServers(directory("two"))) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.write(0, 1, 4096);
      second.die();
      first.awaitFree(1);
      first.awaitQuiet();
      first.leave();
      assertAllReleased(rig);
      ClusterRig.Node wiped = other.node(1);
      assertThat(wiped.array().array().notices()).isEmpty();
    }
  }

  @Test
  void aNodeWithoutAClusterIsRefusedWhileTheClusterLivesAndKeepsItOutWhileItDoes()
      throws Exception {
    try (var rig = rig()) {
      ClusterRig.Node first = rig.node(1);
      assertThatThrownBy(() -> alone(rig))
          .hasMessageContaining("in use by node node1 of cluster c");
      first.write(0, 1, 4096);
      assertThat(first.halts()).isEmpty();
      first.array().stop();
      try (LocalMirror local = alone(rig)) {
        assertThat(local.array().status().degraded()).isFalse();
        assertRefused(first, FORCE, "in use by node h, which has it for itself");
      }
      first.assemble();
      assertThat(first.read(0, 4096)).isEqualTo(bytes(1, 4096));
    }
  }

  private static LocalMirror alone(ClusterRig rig) throws IOException {
    List<BlockDevice> devices = new ArrayList<>();
    for (Path file : rig.files()) { // as from another host: no lock of this one's kernel is asked
      devices.add(FileDevice.open(file, new DeviceAccess.SharedBy("c/shared")));
    }
    return LocalMirror.assemble("local", devices, FORCE.claimedBy("h"), Env.system());
  }

  /** The data begin at 1 MiB, and four blocks lie before them. */
  private static void noClaims(long offset, int length) throws IOException {
    if (offset >= (1 << 20) - 4 * 4096 && offset < 1 << 20) {
      throw new IOException("paused");
    }
  }

  @Test
  void aClusterThatWasSilentAndIsBackFindsTheArrayTakenAndHalts() throws Exception {
    try (var rig = rig();
        var other = rig.onOtherServers(directory("two"))) {
      ClusterRig.Node first = rig.node(1);
      first.write(0, 1, 4096);
      for (int i = 0; i < rig.files().size(); i++) {
        first.member(i).hook(ForeignClaimTest::noClaims); // and it has nothing else to do
      }
      ClusterRig.Node stranger = other.member(2);
      stranger.assemble(FORCE);
      for (int i = 0; i < rig.files().size(); i++) {
        first.member(i).hook((_, _) -> {});
      }
      await().atMost(PATIENCE).until(() -> !first.halts().isEmpty());
      assertThat(first.halts().getFirst()).contains("taken by node node2 of cluster c");
      assertThatThrownBy(() -> first.write(8 * CHUNK, 3, 4096)).isInstanceOf(IOException.class);
      stranger.write(0, 4, 4096);
      assertThat(rig.onMembers(0, 4096)).isEqualTo(bytes(4, 4096));
      assertThat(stranger.halts()).isEmpty();
    }
  }
}
