package io.mirrorctl.dlm.cluster;

import static io.mirrorctl.dlm.cluster.ClusterRig.CHUNK;
import static io.mirrorctl.dlm.cluster.ClusterRig.PATIENCE;
import static io.mirrorctl.dlm.cluster.ClusterRig.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.array.MemberState;
import io.mirrorctl.core.array.Patience;
import io.mirrorctl.core.array.RefusedElsewhere;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Disks that come into an array and leave it, over real servers. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SharedDisksTest {
  private static final Patience NONE =
      unseen -> {
        throw unseen;
      };
  private static final Patience LONG = _ -> Patience.rest(Env.system());

  @TempDir Path directory;

  private static List<String> disks(ClusterRig.Node node) {
    return node.status().members().stream()
        .map(ArrayStatus.MemberStatus::disk)
        .map(disk -> Path.of(disk).getFileName().toString())
        .sorted()
        .toList();
  }

  private static void awaitInSync(Path disk, ClusterRig.Node... nodes) {
    for (ClusterRig.Node node : nodes) {
      await()
          .atMost(PATIENCE)
          .untilAsserted(() ->
              assertThat(node.status().members())
                  .anyMatch(member ->
                      member.disk().equals(disk.toString())
                          && member.state() instanceof MemberState.InSync));
    }
  }

  @Test
  void aDiskTakesThePlaceOfOneThatWasRemovedWhileBothNodesWrite() throws Exception {
    try (ClusterRig rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node one = rig.node(1);
      ClusterRig.Node two = rig.node(2);
      one.write(0, 1, CHUNK);
      String lost = rig.files().get(0).toString();
      two.array().array().members().fail(lost);
      one.array().array().members().remove(lost);
      assertThat(disks(two)).containsExactly("member1");
      Path fresh = rig.newDisk("fresh");
      one.array().add(one.open(fresh), false, NONE);
      assertThat(disks(two)).containsExactly("fresh", "member1");
      for (int chunk = 1; chunk < 20; chunk++) {
        (chunk % 2 == 0 ? one : two).write((long) chunk * CHUNK, chunk, CHUNK);
      }
      awaitInSync(fresh, one, two);
      for (int chunk = 0; chunk < 20; chunk++) {
        byte[] expected = bytes(chunk == 0 ? 1 : chunk, CHUNK);
        assertThat(ClusterRig.onDisk(fresh, (long) chunk * CHUNK, CHUNK)).isEqualTo(expected);
        assertThat(rig.onMember(1, (long) chunk * CHUNK, CHUNK)).isEqualTo(expected);
      }
    }
  }

  @Test
  void anAddWaitsForANodeThatFindsTheDiskLater() throws Exception {
    try (ClusterRig rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node one = rig.node(1);
      ClusterRig.Node two = rig.node(2);
      two.finds(false);
      Path fresh = rig.newDisk("fresh");
      CompletableFuture<Void> adding =
          CompletableFuture.runAsync(() -> {
            try {
              one.array().add(one.open(fresh), false, LONG);
            } catch (IOException e) {
              throw new CompletionException(e);
            }
          });
      await().atMost(PATIENCE).until(() -> two.announced().size() >= 2);
      assertThat(two.announced().getFirst().disk()).isEqualTo(fresh.toString());
      two.write(0, 5, CHUNK); // nothing is held meanwhile
      assertThat(adding).isNotDone();
      two.finds(true);
      adding.orTimeout(60, java.util.concurrent.TimeUnit.SECONDS).join();
      assertThat(disks(one)).isEqualTo(disks(two)).hasSize(3);
    }
  }

  @Test
  void whereANodeNeverFindsTheDiskNothingIsChanged() throws Exception {
    try (ClusterRig rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node one = rig.node(1);
      ClusterRig.Node two = rig.node(2);
      two.finds(false);
      Path fresh = rig.newDisk("fresh");
      long events = one.status().events();
      MemberFile device = one.open(fresh);
      assertThatThrownBy(() -> one.array().add(device, false, NONE))
          .isInstanceOfSatisfying(
              RefusedElsewhere.class, e -> assertThat(e.slot()).isEqualTo(two.array().slot()));
      device.close();
      assertThat(ClusterRig.raw(fresh, 4096, 4096)).isEqualTo(new byte[4096]);
      assertThat(disks(one)).isEqualTo(disks(two)).containsExactly("member0", "member1");
      assertThat(two.status().events()).isEqualTo(events);
      one.write(0, 3, CHUNK);
      assertThat(two.read(0, CHUNK)).isEqualTo(bytes(3, CHUNK));
    }
  }

  @Test
  void anAdderThatDiesWhileItWaitsLeavesNothingBehind() throws Exception {
    try (ClusterRig rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node one = rig.node(1);
      ClusterRig.Node two = rig.node(2);
      ClusterRig.Node three = rig.node(3);
      three.finds(false);
      Path fresh = rig.newDisk("fresh");
      var asked = new CountDownLatch(1);
      CompletableFuture<Void> adding =
          CompletableFuture.runAsync(() -> {
            try {
              one.array()
                  .add(
                      one.open(fresh),
                      false,
                      _ -> {
                        asked.countDown();
                        Patience.rest(Env.system());
                      });
            } catch (IOException e) {
              throw new CompletionException(e);
            }
          });
      asked.await();
      one.die();
      assertThatThrownBy(() -> adding.orTimeout(60, java.util.concurrent.TimeUnit.SECONDS).join())
          .hasCauseInstanceOf(IOException.class);
      two.awaitMembers(two, three);
      two.awaitQuiet();
      assertThat(disks(two)).isEqualTo(disks(three)).containsExactly("member0", "member1");
      three.finds(true);
      two.array().add(two.open(fresh), false, NONE); // what the dead one wrote there is no data
      assertThat(disks(two)).isEqualTo(disks(three)).hasSize(3);
    }
  }

  @Test
  void aNodeThatComesLaterHasTheDiskToo() throws Exception {
    try (ClusterRig rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node one = rig.node(1);
      Path fresh = rig.newDisk("fresh");
      one.array().add(one.open(fresh), false, NONE);
      one.array().array().members().growMembers(3);
      awaitInSync(fresh, one);
      rig.files().add(fresh);
      ClusterRig.Node two = rig.node(2);
      two.write(0, 8, CHUNK);
      assertThat(rig.onMembers(0, CHUNK)).isEqualTo(bytes(8, CHUNK));
      assertThat(two.states()).containsExactly("in-sync", "in-sync", "in-sync");
    }
  }

  @Test
  void aDiskThatWasRemovedComesBackWithWhatBothNodesWrote() throws Exception {
    try (ClusterRig rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node one = rig.node(1);
      ClusterRig.Node two = rig.node(2);
      Path away = rig.files().get(1);
      one.array().array().members().fail(away.toString());
      one.array().array().members().remove(away.toString());
      one.write(0, 1, CHUNK);
      two.write(2L * CHUNK, 2, CHUNK);
      two.array().reAdd(two.open(away), NONE);
      awaitInSync(away, one, two);
      assertThat(rig.onMembers(0, CHUNK)).isEqualTo(bytes(1, CHUNK));
      assertThat(rig.onMembers(2L * CHUNK, CHUNK)).isEqualTo(bytes(2, CHUNK));
    }
  }

  /** What was closed with a disk that was removed must not keep a dead node from being buried. */
  @Test
  void aDeathAfterARemovalIsTakenOver() throws Exception {
    try (ClusterRig rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node one = rig.node(1);
      ClusterRig.Node two = rig.node(2);
      Path fresh = rig.newDisk("fresh");
      two.array().add(two.open(fresh), false, NONE);
      one.array().array().members().remove(fresh.toString());
      two.write(0, 7, CHUNK);
      int slot = two.array().slot();
      two.die();
      one.awaitFree(slot);
      one.awaitQuiet();
      assertThat(one.read(0, CHUNK)).isEqualTo(bytes(7, CHUNK));
      assertThat(disks(one)).containsExactly("member0", "member1");
    }
  }
}
