package io.mirrorctl.dlm.cluster;

import static io.mirrorctl.dlm.cluster.ClusterRig.CHUNK;
import static io.mirrorctl.dlm.cluster.ClusterRig.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.array.ArrayOptions;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes that come, use an array together, and leave. */
class ClusterArrayTest {
  @TempDir private Path directory;

  @Test
  void whatOneNodeWritesTheOtherReads() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      assertThat(first.array().slot()).isZero();
      assertThat(second.array().slot()).isEqualTo(1);

      first.write(0, 1, 4096);
      assertThat(second.read(0, 4096)).isEqualTo(bytes(1, 4096));
      second.write(4096, 2, 4096);
      assertThat(first.read(4096, 4096)).isEqualTo(bytes(2, 4096));

      second.leave();
      first.leave();
      assertThat(rig.onMembers(4096, 4096)).isEqualTo(bytes(2, 4096));
    }
  }

  @Test
  void theLastToLeaveSaysThatAllIsClean() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      assertThat(rig.resyncOffset(0)).isZero();
      ClusterRig.Node second = rig.node(2);
      first.write(0, 1, CHUNK);
      second.write(CHUNK, 2, CHUNK);
      first.leave();
      assertThat(rig.resyncOffset(0)).isZero();
      second.awaitFree(0);
      second.leave();
      assertThat(rig.resyncOffset(0)).isEqualTo(Superblock.MAX_SECTOR);
      assertThat(rig.resyncOffset(1)).isEqualTo(Superblock.MAX_SECTOR);
    }
  }

  @Test
  void moreNodesThanSlotsAreRefusedAndASlotThatIsGivenUpIsGivenOut() throws Exception {
    try (var rig = ClusterRig.start(directory, 2)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      ClusterRig.Node third = rig.member(3);
      assertThatThrownBy(third::assemble)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("2 slots")
          .hasMessageContaining("2 nodes have it in use");
      first.array().stop();
      third.assemble();
      assertThat(third.array().slot()).isZero();
      second.write(0, 7, 4096);
      assertThat(third.read(0, 4096)).isEqualTo(bytes(7, 4096));
    }
  }

  @Test
  void aMemberThatFailsOnOneNodeIsFailedOnAllBeforeTheWriteReturns() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      rig.paths(PathPolicy.FAIL);
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      first.member(1).fail();
      first.write(0, 1, 4096);
      assertThat(second.states()).containsExactly("in-sync", "faulty");
      second.write(4096, 2, 4096);
      assertThat(rig.onMember(1, 4096, 4096)).isEqualTo(bytes(0, 4096));
      assertThat(first.read(4096, 4096)).isEqualTo(bytes(2, 4096));
      assertThat(first.read(0, 4096)).isEqualTo(second.read(0, 4096));
    }
  }

  @Test
  void aNodeThatJoinsAfterAChangeGoesByIt() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      first.array().array().members().fail(first.member(1).name());
      first.write(0, 1, 4096);
      ClusterRig.Node second = rig.node(2);
      assertThat(second.read(0, 4096)).isEqualTo(bytes(1, 4096));
      second.write(4096, 3, 4096);
      assertThat(first.read(4096, 4096)).isEqualTo(bytes(3, 4096));
    }
  }

  @Test
  void aStoppedArrayIsAssembledAgainByTheSameNode() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      first.write(0, 1, 4096);
      first.array().stop();
      assertThatThrownBy(() -> first.write(0, 2, 4096)).isInstanceOf(DeviceException.class);
      first.assemble();
      assertThat(first.array().slot()).isZero();
      assertThat(first.read(0, 4096)).isEqualTo(bytes(1, 4096));
      first.array().array().members().fail(first.member(1).name());
      first.write(4096, 2, 4096); // stays dirty, so that the slot is not given up clean
      first.array().stop();
      first.assemble(ArrayOptions.DEFAULT.withRun(true));
      assertThat(first.array().slot()).isEqualTo(1);
      first.awaitFree(0);
      assertThat(first.read(4096, 4096)).isEqualTo(bytes(2, 4096));
      assertThat(first.status().dirtyChunks()).isEqualTo(1);
    }
  }

  @Test
  void anArrayThatCannotBeAssembledLeavesNothingBehind() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.member(2);
      second.hookMembers((_, _) -> {
        throw new DeviceException(IoFailure.MEDIUM, "nothing can be written from here");
      });
      assertThatThrownBy(second::assemble)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("nothing can be written from here");
      second.hookMembers((_, _) -> {});
      second.assemble();
      first.write(0, 1, 4096);
      assertThat(second.read(0, 4096)).isEqualTo(bytes(1, 4096));
      first.awaitMembers(first, second);
      first.awaitQuiet();
    }
  }
}
