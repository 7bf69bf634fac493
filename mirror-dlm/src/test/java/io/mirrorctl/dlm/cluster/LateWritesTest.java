package io.mirrorctl.dlm.cluster;

import static io.mirrorctl.dlm.cluster.ClusterRig.CHUNK;
import static io.mirrorctl.dlm.cluster.ClusterRig.PATIENCE;
import static io.mirrorctl.dlm.cluster.ClusterRig.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.array.LateRange;
import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Writes that reach a member when their node counts as dead, and what puts that right. */
class LateWritesTest {
  private static final long DATA = 1 << 20;
  private static final long SUPERBLOCK = 4096;

  /** Where the bitmap of slot 1 stands on a member: behind the superblock and slot 0. */
  private static final long SLOT_1 = 3 * 4096;

  @TempDir private Path directory;

  /** Holds a node's writes of one place on one member until they are too late. */
  private static final class Held {
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch late = new CountDownLatch(1);

    Held(MemberFile member, long from, long to) {
      member.hook((offset, _) -> {
        if (offset >= from && offset < to) {
          begun.countDown();
          try {
            late.await();
          } catch (InterruptedException e) {
            throw new IOException(e);
          }
        }
      });
    }

    void awaitBegun() throws InterruptedException {
      assertThat(begun.await(60, TimeUnit.SECONDS)).isTrue();
    }
  }

  /** Its session ends; what it has in flight is still to come. */
  private static void kill(ClusterRig rig, ClusterRig.Node node) {
    rig.expire(node);
    await().atMost(PATIENCE).until(() -> node.node().ended().isPresent());
  }

  private static void arrive(Held held, ClusterRig.Node dead, int before) {
    held.late.countDown();
    await().atMost(PATIENCE).until(() -> dead.node().lateWrites().size() > before);
    dead.die();
  }

  @Test
  void whereTheDataMayDifferIsCopiedAgainWhenTheNodeIsBack() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      long place = 5L * CHUNK;
      var held = new Held(second.member(0), DATA + place, DATA + place + 1);
      var write = second.tryWriting(place, 5);
      held.awaitBegun();
      kill(rig, second);
      first.awaitFree(1);
      first.awaitQuiet();
      first.write(place, 7, 4096);
      arrive(held, second, 0);
      write.get(60, TimeUnit.SECONDS);
      assertThat(rig.onMember(0, place, 4096)).isEqualTo(bytes(5, 4096));
      assertThat(rig.onMember(1, place, 4096)).isEqualTo(bytes(7, 4096));

      ClusterRig.Node again = rig.node(2);
      again.awaitQuiet();
      byte[] data = rig.onMembers(place, 4096);
      assertThat(first.read(place, 4096)).isEqualTo(data);
      assertThat(again.read(place, 4096)).isEqualTo(data);
    }
  }

  @Test
  void aSlotThatAnotherNodeHasByNowIsWrittenOnceMoreByItsNode() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      var held = new Held(second.member(0), SLOT_1, SLOT_1 + 4096);
      var write = second.tryWriting(0, 5);
      held.awaitBegun();
      kill(rig, second);
      first.awaitFree(1);
      ClusterRig.Node third = rig.node(3);
      assertThat(third.array().slot()).isEqualTo(1);
      third.write(9L * CHUNK, 9, 4096);
      assertThat(page(rig, 0)).isEqualTo(page(rig, 1));
      arrive(held, second, 0);
      write.get(60, TimeUnit.SECONDS);
      assertThat(page(rig, 0)).isNotEqualTo(page(rig, 1));

      ClusterRig.Node again = rig.node(2);
      assertThat(page(rig, 0)).isEqualTo(page(rig, 1));
      again.awaitQuiet();
      assertThat(rig.onMembers(0, 4096)).isEqualTo(first.read(0, 4096));
      assertThat(third.halts()).isEmpty();
      assertThat(first.halts()).isEmpty();
    }
  }

  private static byte[] page(ClusterRig rig, int member) throws IOException {
    return rig.raw(member, SLOT_1, 4096);
  }

  @Test
  void anOlderSuperblockIsReplacedBeforeTheNodeReadsIt() throws Exception {
    try (var rig = ClusterRig.start(directory, 4, 3)) {
      ClusterRig.Node first = rig.node(1);
      ClusterRig.Node second = rig.node(2);
      var held = new Held(second.member(0), SUPERBLOCK, SUPERBLOCK + 4096);
      String disk = first.status().members().get(2).disk();
      byte[] older = rig.raw(0, SUPERBLOCK, 4096);
      var change =
          CompletableFuture.runAsync(() -> {
            try {
              second.array().array().members().fail(disk);
            } catch (IOException e) {
              // its node is dead
            }
          });
      held.awaitBegun();
      kill(rig, second);
      first.awaitFree(1);
      await().atMost(PATIENCE).until(() -> first.states().contains("faulty"));
      first.array().array().members().reAdd(disk); // events go on
      first.awaitQuiet();
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> assertThat(first.states()).containsOnly("in-sync"));
      arrive(held, second, 0);
      change.get(60, TimeUnit.SECONDS);
      // the file was closed before the write was made; a disk would have made it
      rig.corrupt(0, SUPERBLOCK - DATA, older);
      long events = first.status().events();
      assertThat(rig.events(0)).as("what came late").isLessThan(events - 1);
      assertThat(rig.events(1)).isEqualTo(events);

      ClusterRig.Node again = rig.node(2);
      assertThat(again.states()).isEqualTo(first.states()).containsOnly("in-sync");
      assertThat(again.status().events()).isGreaterThanOrEqualTo(events);
    }
  }

  @Test
  void whoComesBackAloneAfterALateWriteOfABitmapCopiesEverything() throws Exception {
    try (var rig = ClusterRig.start(directory, 4)) {
      ClusterRig.Node only = rig.node(1);
      var held = new Held(only.member(0), 8192, 8192 + 4096);
      var write = only.tryWriting(0, 5);
      held.awaitBegun();
      kill(rig, only);
      arrive(held, only, 0);
      write.get(60, TimeUnit.SECONDS);
      rig.corrupt(1, 100L * CHUNK, bytes(3, 4096)); // as if a lost bit had stood for it

      ClusterRig.Node again = rig.node(1);
      again.awaitQuiet();
      byte[] data = rig.onMembers(100L * CHUNK, 4096);
      assertThat(again.read(100L * CHUNK, 4096)).isEqualTo(data);
    }
  }

  @Test
  void tooManyToTellApartCountAsEverything() {
    var late = new LateWrites();
    UUID array = new UUID(1, 2);
    for (int i = 0; i < 5000; i++) {
      late.add(array, "a", SectorRange.ofLength(8L * i, 8));
    }
    assertThat(late.of(array)).containsExactly(LateRange.EVERYTHING);
    late.settled(array, late.of(array));
    assertThat(late.of(array)).isEmpty();
    assertThat(late.of(new UUID(3, 4))).isEmpty();
  }
}
