package io.mirrorctl.dlm.cluster;

import static io.mirrorctl.dlm.cluster.ClusterRig.CHUNK;
import static io.mirrorctl.dlm.cluster.ClusterRig.PATIENCE;
import static io.mirrorctl.dlm.cluster.ClusterRig.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.array.ClusterPort.Window;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.dlm.lock.SlotState;
import io.mirrorctl.dlm.member.Membership.Vouch;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes that die, alone or together, in the middle of something or not. */
class NodeDeathTest {
  /** Where the bitmap of slot 1 stands on a member: behind the superblock and slot 0. */
  private static final long SLOT_1 = 3 * 4096;

  @TempDir private Path directory;

  @Test
  void aDeadNodesChunksAreCopiedByASurvivorAndNoOthers() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.write(5 * CHUNK, 5, 4096);
      second.die();
      rig.corrupt(0, 6 * CHUNK, bytes(9, 512)); // not dirty: nobody looks there
      rig.corrupt(1, 5 * CHUNK + 4096, bytes(8, 512)); // as if it had died in mid-write
      first.awaitFree(1);
      first.awaitQuiet();
      byte[] chunk = rig.onMembers(5 * CHUNK, CHUNK);
      assertThat(first.read(5 * CHUNK, CHUNK)).isEqualTo(chunk);
      assertThat(chunk).startsWith(bytes(5, 4096));
      assertThat(rig.onMember(0, 6 * CHUNK, 512)).isEqualTo(bytes(9, 512));
      assertThat(rig.onMember(1, 6 * CHUNK, 512)).isEqualTo(bytes(0, 512));
    }
  }

  @Test
  void twoThatDieAtOnceAreTakenOver() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      ClusterRig.Node third = rig.node(3);
      second.write(0, 2, 4096);
      third.write(3 * CHUNK, 3, 4096);
      second.die();
      third.die();
      rig.corrupt(0, 512, bytes(9, 512));
      rig.corrupt(1, 3 * CHUNK + 512, bytes(9, 512));
      first.awaitFree(1);
      first.awaitFree(2);
      first.awaitQuiet();
      var _ = rig.onMembers(0, CHUNK);
      var _ = rig.onMembers(3 * CHUNK, CHUNK);
    }
  }

  @Test
  void whenTheAdopterDiesToNothingIsLost() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      ClusterRig.Node third = rig.node(3);
      third.write(7 * CHUNK, 3, 4096);
      third.die();
      rig.corrupt(1, 7 * CHUNK + 512, bytes(9, 512));
      // whoever adopts first dies of it: while it makes its own slot durable, or clears the other
      var dead = new AtomicBoolean();
      first.member(0).hook((offset, length) -> dieOnce(first, dead));
      await().atMost(PATIENCE).until(() -> second.slots().get(2).equals(new SlotState.Free()));
      if (dead.get()) {
        second.awaitFree(0);
        second.awaitQuiet();
      } else {
        first.member(0).hook((_, _) -> {});
        first.awaitQuiet();
        second.awaitQuiet();
      }
      var _ = rig.onMembers(7 * CHUNK, CHUNK);
    }
  }

  private static void dieOnce(ClusterRig.Node node, AtomicBoolean dead) throws IOException {
    boolean adopts =
        node.slots().get(2) instanceof SlotState.NeedsTakeover && dead.compareAndSet(false, true);
    if (adopts) {
      node.die();
    }
    if (dead.get()) {
      throw new DeviceException(IoFailure.OTHER, "the node is dead");
    }
  }

  @Test
  void aChangeThatItsNodeDidNotLiveToEndIsEndedByAnother() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      ClusterRig.Node third = rig.node(3);
      second.write(0, 2, 4096);
      var died = new CountDownLatch(1);
      // its first write of a superblock comes when all nodes hold their I/O
      second
          .member(0)
          .hook((offset, _) -> {
            if (offset == 4096) {
              second.die();
              died.countDown();
              throw new DeviceException(IoFailure.OTHER, "the node is dead");
            }
          });
      var failing =
          CompletableFuture.runAsync(() -> {
            try {
              second.array().array().members().fail(second.member(1).name());
            } catch (IOException e) {
              // it is dead
            }
          });
      assertThat(died.await(60, TimeUnit.SECONDS)).isTrue();
      // waits until the dead node's change is settled
      first.write(CHUNK, 1, 4096);
      third.write(2 * CHUNK, 3, 4096);
      assertThat(third.read(CHUNK, 4096)).isEqualTo(bytes(1, 4096));
      assertThat(first.read(2 * CHUNK, 4096)).isEqualTo(bytes(3, 4096));
      assertThat(first.states()).isEqualTo(third.states());
      first.awaitFree(1);
      first.awaitQuiet();
      failing.get(60, TimeUnit.SECONDS);
      first.array().array().members().fail(first.member(1).name());
      assertThat(third.states()).containsExactly("in-sync", "faulty");
    }
  }

  @Test
  void whatADeadNodeWasCopyingStaysClosedUntilItIsTakenOver() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second
          .array()
          .port()
          .beginResync()
          .announce(List.of(Window.of(new SectorRange(0, CHUNK / 512))));
      ClusterRig.Node third = rig.node(3);
      var here = first.writing(0, 1);
      var there = third.writing(0, 3);
      second.die();
      assertThat(here).isNotDone();
      assertThat(there).isNotDone();
      here.get(60, TimeUnit.SECONDS);
      assertThat(first.slots().get(1)).isEqualTo(new SlotState.Free());
      there.get(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void allDieAndTheNextOneFindsEverything() throws Exception {
    try (var rig = ClusterRig.start(directory, 2)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      first.write(0, 1, 4096);
      second.write(9 * CHUNK, 2, 4096);
      first.die();
      second.die();
      rig.corrupt(0, 512, bytes(9, 512));
      rig.corrupt(1, 9 * CHUNK + 512, bytes(9, 512));
      // both slots wait for a takeover, and nobody is there to take them over
      ClusterRig.Node third = rig.node(3);
      third.awaitQuiet();
      var _ = rig.onMembers(0, CHUNK);
      var _ = rig.onMembers(9 * CHUNK, CHUNK);
      assertThat(third.slots()).contains(new SlotState.Free());
      ClusterRig.Node fourth = rig.node(4);
      assertThat(fourth.read(9 * CHUNK, 4096)).isEqualTo(third.read(9 * CHUNK, 4096));
    }
  }

  @Test
  void aNodeThatJoinsWhileAnotherIsDeadWaitsForTheTakeover() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.write(CHUNK, 2, 4096);
      ClusterRig.Node third = rig.member(3);
      second.die();
      third.assemble();
      third.write(CHUNK, 3, 4096);
      assertThat(first.read(CHUNK, 4096)).isEqualTo(bytes(3, 4096));
      first.awaitFree(1);
      first.awaitQuiet();
      third.awaitQuiet();
      assertThat(rig.onMembers(CHUNK, 4096)).isEqualTo(bytes(3, 4096));
    }
  }

  @Test
  void whoComesBeforeTheTakeoverWaitsForItAsNobodyKnowsWhatTheDeadWasCopying() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      rig.paths(PathPolicy.FAIL);
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second
          .array()
          .port()
          .beginResync()
          .announce(List.of(Window.of(new SectorRange(0, CHUNK / 512))));
      MemberFile.Hook unreadable =
          (offset, _) -> {
            if (offset >= SLOT_1 && offset < SLOT_1 + 4096) {
              throw new DeviceException(IoFailure.MEDIUM, "slot 1 cannot be read");
            }
          };
      first.hookReads(unreadable);
      second.die();
      await().atMost(PATIENCE).until(() -> first.slots().get(1) instanceof SlotState.NeedsTakeover);
      ClusterRig.Node third = rig.member(3);
      third.hookReads((offset, length) -> {
        if (!third.node().arrays().isEmpty()) { // it has assembled the array
          unreadable.at(offset, length);
        }
      });
      third.assemble();
      var write = third.writing(0, 3);
      assertThatThrownBy(() -> write.get(300, TimeUnit.MILLISECONDS))
          .isInstanceOf(TimeoutException.class);
      third.hookReads((_, _) -> {});
      write.get(60, TimeUnit.SECONDS);
      assertThat(third.slots().get(1)).isEqualTo(new SlotState.Free());
      assertThat(first.read(0, 4096)).isEqualTo(bytes(3, 4096));
    }
  }

  @Test
  void aLostSessionEndsTheArrayAndTheNodeCanJoinAgain() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      second.write(0, 2, 4096);
      var ejected = first.node().membership().eject(2, Vouch.NO, "test");
      await().atMost(PATIENCE).until(() -> !second.halts().isEmpty());
      var _ = ejected.get(60, TimeUnit.SECONDS);
      assertThat(second.array().halted()).isPresent();
      assertThatThrownBy(() -> second.write(0, 3, 4096)).isInstanceOf(DeviceException.class);
      assertThatThrownBy(() -> second.read(0, 4096)).isInstanceOf(DeviceException.class);
      first.awaitFree(1);
      first.awaitQuiet();
      second.die();
      ClusterRig.Node again = rig.node(2);
      assertThat(again.read(0, 4096)).isEqualTo(bytes(2, 4096));
      again.write(0, 4, 4096);
      assertThat(first.read(0, 4096)).isEqualTo(bytes(4, 4096));
    }
  }
}
