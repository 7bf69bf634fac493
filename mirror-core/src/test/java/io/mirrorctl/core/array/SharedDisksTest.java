package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.SharedRig.CHUNK;
import static io.mirrorctl.core.array.SharedRig.assertClean;
import static io.mirrorctl.core.array.SharedRig.assertEqual;
import static io.mirrorctl.core.array.SharedRig.awaitInSync;
import static io.mirrorctl.core.array.SharedRig.awaitThat;
import static io.mirrorctl.core.array.SharedRig.clustered;
import static io.mirrorctl.core.array.SharedRig.filled;
import static io.mirrorctl.core.array.SharedRig.start;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockRead;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Disks that come into an array that several nodes use, and leave it. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SharedDisksTest {
  private static final int SUPERBLOCK = 4096;

  private static SimDisk disk(String name) {
    return new SimDisk(name, ArrayRig.DISK_BYTES);
  }

  private static void assertState(TestCluster cluster, SimDisk disk, Class<?> state) {
    for (TestNode node : cluster.nodes()) {
      assertThat(node.state(disk.name())).as("on %s", node).isInstanceOf(state);
    }
  }

  private static void assertNotThere(TestCluster cluster, SimDisk disk) {
    for (TestNode node : cluster.nodes()) {
      assertThat(node.array().status().members())
          .as("on %s", node)
          .noneMatch(member -> member.disk().equals(disk.name()));
    }
  }

  private static SectorRange dataArea(SimDisk disk) throws IOException {
    return ArrayRig.onDisk(disk, 0, ArrayRig.DISK_BYTES);
  }

  private static SuperblockRead superblock(SimDisk disk) throws IOException {
    return MemberMetadata.read(disk).superblock();
  }

  @Test
  void aNewDiskTakesAVacantRoleOnAllNodesAndIsFilled() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      one.write(0, 1, CHUNK);
      two.write(3L * CHUNK, 2, CHUNK);
      one.fail(0);
      one.array().members().remove("disk0");
      assertNotThere(cluster, disks.get(0));
      SimDisk fresh = cluster.bring(disk("fresh"));
      two.add(fresh);
      for (int chunk = 5; chunk < 30; chunk++) {
        (chunk % 2 == 0 ? one : two).write((long) chunk * CHUNK, chunk, CHUNK);
      }
      awaitInSync(one);
      awaitInSync(two);
      assertState(cluster, fresh, MemberState.InSync.class);
      assertThat(one.read(0, CHUNK)).isEqualTo(filled(1));
      assertEqual(List.of(disks.get(1), fresh));
    }
  }

  @Test
  void aDiskBeyondTheRolesIsASpareOnAllNodesAndTakesTheNextThatIsVacant() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      SimDisk fresh = cluster.bring(disk("fresh"));
      one.add(fresh);
      assertState(cluster, fresh, MemberState.Spare.class);
      two.write(0, 9, CHUNK);
      two.fail(1);
      awaitInSync(one);
      awaitInSync(two);
      assertState(cluster, fresh, MemberState.InSync.class);
      assertEqual(List.of(disks.get(0), fresh));
      TestNode three = cluster.join();
      assertThat(three.state(fresh.name())).isInstanceOf(MemberState.InSync.class);
    }
  }

  @Test
  void aNodeThatDoesNotFindTheDiskMakesTheAddFailAndNothingIsChanged() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      TestNode three = cluster.join();
      three.blind = true;
      SimDisk fresh = cluster.bring(disk("fresh"));
      fresh.corrupt(SUPERBLOCK, filled(0x5a));
      long events = cluster.superblock(0).events();
      assertThatThrownBy(() -> one.add(fresh))
          .isInstanceOfSatisfying(
              RefusedElsewhere.class, e -> assertThat(e.slot()).isEqualTo(three.slot()));
      assertNotThere(cluster, fresh);
      assertThat(fresh.peek(SUPERBLOCK, 4096)).isEqualTo(ArrayRig.bytes(0x5a, 4096));
      assertThat(cluster.superblock(0).events()).isEqualTo(events);
      three.blind = false;
      two.add(fresh);
      assertState(cluster, fresh, MemberState.Spare.class);
    }
  }

  @Test
  void aDiskIsAnnouncedUntilAllHaveFoundItOrPatienceEnds() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      two.blind = true;
      SimDisk fresh = cluster.bring(disk("fresh"));
      var asked = new AtomicInteger();
      one.array()
          .members()
          .add(
              one.way(fresh),
              false,
              unseen -> {
                assertThat(unseen.slot()).isEqualTo(two.slot());
                assertThat(superblock(fresh)).isInstanceOf(SuperblockRead.Valid.class);
                one.array().members().fail("disk1"); // does not wait for the add
                two.blind = asked.incrementAndGet() < 3;
              });
      assertThat(asked).hasValue(3);
      awaitInSync(two);
      assertState(cluster, fresh, MemberState.InSync.class);
    }
  }

  /** Its superblock alone makes no member of a disk, not even where it was left by a death. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "asked 1",
        "asked 2",
        "held itself",
        "held 1",
        "held 2",
        "committed",
        "settled 1",
        "settled 2",
        "resumed 1",
        "resumed 2"
      })
  void anAdderThatDiesLeavesTheSameDisksOnAllNodes(String step) throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      TestNode three = cluster.join();
      two.write(0, 4, CHUNK);
      two.fail(1);
      two.array().members().remove("disk1");
      SimDisk fresh = cluster.bring(disk("fresh"));
      cluster.steps((sender, at) -> {
        if (sender == one && at.equals(step)) {
          one.die("killed when it had " + at);
        }
      });
      CompletableFuture<Void> adding = start(() -> one.add(fresh));
      SharedRig.end(adding);
      assertThat(one.isDead()).isTrue();
      cluster.steps((_, _) -> {});
      cluster.bury(one);
      two.control().withdraw(); // as is told when a sender dies with a proposal
      three.control().withdraw();
      List<String> members = members(two);
      assertThat(members(three)).isEqualTo(members);
      three.write((long) CHUNK, 6, CHUNK);
      if (!members.contains(fresh.name())) {
        three.add(fresh);
      } else if (two.state(fresh.name()) instanceof MemberState.Faulty) {
        two.array().members().remove(fresh.name());
        ArrayRig.superblock(fresh); // still announced
        three.add(fresh);
      }
      awaitInSync(two);
      awaitInSync(three);
      assertState(cluster, fresh, MemberState.InSync.class);
      assertThat(two.read(0, CHUNK)).isEqualTo(filled(4));
      assertEqual(List.of(disks.get(0), fresh));
    }
  }

  private static List<String> members(TestNode node) {
    return node.array().status().members().stream()
        .filter(member -> !(member.state() instanceof MemberState.Faulty))
        .map(ArrayStatus.MemberStatus::disk)
        .sorted()
        .toList();
  }

  @Test
  void oneOfTwoNodesThatAddTheSameDiskGetsIt() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      List<TestNode> nodes = List.of(cluster.join(), cluster.join());
      SimDisk fresh = cluster.bring(disk("fresh"));
      List<CompletableFuture<Void>> adding = atOnce(nodes, node -> node.add(fresh));
      assertThat(adding.stream().filter(CompletableFuture::isCompletedExceptionally).count())
          .isEqualTo(1);
      assertState(cluster, fresh, MemberState.Spare.class);
      assertThat(ArrayRig.superblock(fresh).events()).isEqualTo(cluster.superblock(0).events());
    }
  }

  @Test
  void disksThatTwoNodesAddAtOnceBothComeInWithNumbersOfTheirOwn() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      List<TestNode> nodes = List.of(cluster.join(), cluster.join());
      List<SimDisk> fresh = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        fresh.add(cluster.bring(disk("fresh" + i)));
      }
      List<CompletableFuture<Void>> adding =
          atOnce(nodes, node -> node.add(fresh.get(nodes.indexOf(node))));
      adding.forEach(SharedRig::finish);
      fresh.forEach(disk -> assertState(cluster, disk, MemberState.Spare.class));
      assertThat(ArrayRig.superblock(fresh.get(0)).devNumber())
          .isNotEqualTo(ArrayRig.superblock(fresh.get(1)).devNumber());
    }
  }

  private interface Act {
    void on(TestNode node) throws Exception;
  }

  private static List<CompletableFuture<Void>> atOnce(List<TestNode> nodes, Act act) {
    var barrier = new CyclicBarrier(nodes.size());
    List<CompletableFuture<Void>> begun =
        nodes.stream()
            .map(node ->
                start(() -> {
                  barrier.await();
                  act.on(node);
                }))
            .toList();
    begun.forEach(SharedRig::end);
    return begun;
  }

  /** Trap T9: of all slots, and not only of who takes the disk back. */
  @Test
  void aDiskThatWasRemovedComesBackWithWhatAnyNodeWroteMeanwhile() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      one.write(0, 1, CHUNK);
      one.fail(1);
      one.array().members().remove("disk1");
      one.write(2L * CHUNK, 2, CHUNK);
      two.write(4L * CHUNK, 3, CHUNK);
      var copied = new AtomicInteger();
      var data = dataArea(disks.get(0));
      disks
          .get(1)
          .hook(operation -> {
            if (operation.changes(data)) {
              copied.addAndGet((int) operation.length());
            }
          });
      two.array().members().reAdd(two.way(disks.get(1)), TestNode.NO_PATIENCE);
      awaitInSync(one);
      awaitInSync(two);
      assertState(cluster, disks.get(1), MemberState.InSync.class);
      assertEqual(disks);
      assertThat(copied.get())
          .as("bytes written to it")
          .isBetween(2 * CHUNK, (int) ArrayRig.DISK_BYTES / 4);
      assertClean(cluster, disks);
    }
  }

  @Test
  void aSpareIsRemovedOnAllNodesAndItsNumberMayBeGivenAgain() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      SimDisk fresh = cluster.bring(disk("fresh"));
      SimDisk other = cluster.bring(disk("other"));
      one.add(fresh);
      two.array().members().remove(fresh.name());
      assertNotThere(cluster, fresh);
      two.add(other);
      assertState(cluster, other, MemberState.Spare.class);
      one.fail(0);
      awaitInSync(one);
      awaitInSync(two);
      assertEqual(List.of(disks.get(1), other));
    }
  }

  @Test
  void aMemberInUseIsNotRemoved() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      cluster.join();
      assertThatThrownBy(() -> one.array().members().remove("disk1"))
          .isInstanceOf(ArrayException.class)
          .hasMessageContaining("fail it first");
      assertState(cluster, disks.get(1), MemberState.InSync.class);
    }
  }

  @Test
  void aMemberIsReplacedWhileItStaysInUse() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      one.write(0, 1, CHUNK);
      SimDisk fresh = cluster.bring(disk("fresh"));
      two.array().members().replace("disk0", two.way(fresh), false, TestNode.NO_PATIENCE);
      two.write((long) CHUNK, 2, CHUNK);
      awaitThat(
          "the new one has taken over",
          () ->
              one.state(fresh.name()) instanceof MemberState.InSync
                  && two.state(fresh.name()) instanceof MemberState.InSync);
      assertThat(one.state("disk0")).isNotInstanceOf(MemberState.InSync.class);
      one.write(2L * CHUNK, 3, CHUNK);
      assertEqual(List.of(disks.get(1), fresh));
    }
  }

  @Test
  void anArrayGetsMoreMembersWithADiskThatAllNodesHave() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      SimDisk fresh = cluster.bring(disk("fresh"));
      one.add(fresh);
      two.array().members().growMembers(3);
      awaitInSync(one);
      awaitInSync(two);
      for (TestNode node : cluster.nodes()) {
        assertThat(node.array().status().raidDisks()).isEqualTo(3);
      }
      assertState(cluster, fresh, MemberState.InSync.class);
      assertEqual(List.of(disks.get(0), disks.get(1), fresh));
      assertThat(cluster.superblock(0).raidDisks()).isEqualTo(3);
    }
  }

  /** The announcement of a node that died is nobody's data. */
  @Test
  void aDiskThatADeadNodeHadAnnouncedMayBeAdded() throws Exception {
    List<SimDisk> disks = clustered(2);
    SimDisk fresh;
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      fresh = cluster.bring(disk("fresh"));
      cluster.steps((sender, at) -> {
        if (sender == one && at.equals("asked 1")) {
          one.die("killed");
        }
      });
      SharedRig.end(start(() -> one.add(fresh)));
      cluster.bury(one);
      two.control().withdraw();
      assertThat(superblock(fresh))
          .isInstanceOfSatisfying(
              SuperblockRead.Valid.class, read -> assertThat(read.superblock().events()).isZero());
      two.add(fresh);
      assertState(cluster, fresh, MemberState.Spare.class);
    }
  }

  /** The number of a spare that was let go of is another disk's now. */
  @Test
  void aRemovedSpareDoesNotTakeTheRoleThatItsNumberHasNow() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      SimDisk spare = cluster.bring(disk("spare"));
      SimDisk other = cluster.bring(disk("other"));
      one.add(spare);
      one.array().members().remove(spare.name());
      one.array().members().replace("disk1", one.way(other), false, TestNode.NO_PATIENCE);
      awaitThat("replaced", () -> one.state(other.name()) instanceof MemberState.InSync);
      one.array().members().remove("disk1");
      assertThat(ArrayRig.superblock(other).devNumber())
          .isEqualTo(ArrayRig.superblock(spare).devNumber());
      TestNode blind = new TestNode(cluster, 3, List.of(disks.get(0), disks.get(1), spare));
      assertThatThrownBy(blind::assemble)
          .isInstanceOf(ArrayException.class)
          .hasMessageContaining("role 1");
    }
  }

  /** Trap T9: what a dead node cleared is known only in the slot that is taken over. */
  @Test
  void whatADeadNodeHadClearedIsCopiedToADiskThatComesBack() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      SimDisk spare = cluster.bring(disk("spare"));
      one.add(spare);
      one.fail(1);
      one.array().members().remove("disk1");
      awaitInSync(one);
      one.write(2L * CHUNK, 7, CHUNK);
      one.array().clearIdleBits();
      assertThat(cluster.slot(0, one.slot()).dirtyRanges()).isEmpty();
      cluster.kill(one);
      two.array().members().fail(spare.name());
      two.array().members().reAdd(two.way(disks.get(1)), TestNode.NO_PATIENCE);
      awaitInSync(two);
      assertEqual(disks);
    }
  }

  @Test
  void anAnnouncementOfWhichNothingCameIsInNobodysWay() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      TestNode three = cluster.join();
      one.fail(1);
      one.array().members().remove("disk1");
      SimDisk fresh = cluster.bring(disk("fresh"));
      three.blind = true;
      assertThatThrownBy(() ->
              one.array()
                  .members()
                  .add(
                      one.way(fresh),
                      false,
                      unseen -> {
                        var own = ArrayRig.superblock(fresh); // two hears no Abort
                        two.control().attach(own.devNumber(), own.deviceUuid(), two.way(fresh));
                        throw unseen;
                      }))
          .isInstanceOf(RefusedElsewhere.class);
      three.blind = false;
      three.add(fresh);
      awaitInSync(two);
      assertState(cluster, fresh, MemberState.InSync.class);
      assertThat(two.isDead()).as(two.causeOfDeath()).isFalse();
      assertEqual(List.of(disks.get(0), fresh));
    }
  }

  @Test
  void aDiskThatIsOnlyAnnouncedIsNoSpareToWhoComes() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      two.blind = true;
      SimDisk fresh = cluster.bring(disk("fresh"));
      fresh.corrupt(SUPERBLOCK, filled(0x5a));
      assertThatThrownBy(() ->
              one.array()
                  .members()
                  .add(
                      one.way(fresh),
                      false,
                      unseen -> {
                        try {
                          TestNode late = cluster.join();
                          assertThat(late.state(fresh.name()))
                              .isInstanceOf(MemberState.Faulty.class);
                          late.write(0, 1, CHUNK);
                          late.fail(1);
                        } catch (Exception e) {
                          throw new AssertionError(e);
                        }
                        throw unseen;
                      }))
          .isInstanceOf(RefusedElsewhere.class);
      assertThat(fresh.peek(SUPERBLOCK, 4096)).isEqualTo(ArrayRig.bytes(0x5a, 4096));
      for (TestNode node : List.of(one, two)) {
        assertThat(node.array().status().degraded()).isTrue();
      }
    }
  }

  /** It has a role by what the other members say, and does not know of it. */
  @Test
  void aDiskWhoseAdderDiedBeforeItWasToldHasNotComeInAnywhere() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.join();
      TestNode three = cluster.join();
      two.write(0, 4, CHUNK);
      SimDisk fresh = cluster.bring(disk("fresh"));
      NodeDisk way = one.way(fresh);
      var written = new AtomicInteger();
      way.hook(operation -> {
        if (operation.kind() == SimOperation.Kind.WRITE
            && operation.offset() == SUPERBLOCK
            && written.incrementAndGet() == 2) {
          one.die("killed before the disk was told");
        }
      });
      SharedRig.end(start(() -> one.array().members().add(way, false, TestNode.NO_PATIENCE)));
      assertThat(one.isDead()).isTrue();
      cluster.bury(one);
      for (TestNode node : List.of(two, three)) {
        assertThat(node.array().status().members())
            .as("on %s", node)
            .extracting(ArrayStatus.MemberStatus::disk)
            .containsExactly("disk0", "disk1");
      }
      three.add(fresh);
      assertState(cluster, fresh, MemberState.Spare.class);
    }
  }

  @Test
  void aMemberThatLeftWhileItsReplacementWasAnnouncedIsNotReplaced() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      SimDisk spare = cluster.bring(disk("spare"));
      SimDisk fresh = cluster.bring(disk("fresh"));
      one.add(spare);
      two.blind = true;
      assertThatThrownBy(() ->
              one.array()
                  .members()
                  .replace(
                      "disk0",
                      one.way(fresh),
                      false,
                      _ -> {
                        two.blind = false;
                        one.array().members().fail("disk0");
                        one.array().members().remove("disk0");
                        awaitInSync(one);
                      }))
          .isInstanceOf(ArrayException.class)
          .hasMessageContaining("not in the array any more");
      assertState(cluster, spare, MemberState.InSync.class);
      assertNotThere(cluster, fresh);
    }
  }

  @Test
  void aDiskThatDoesNotFitOnAnotherNodeIsRefused() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      SimDisk coarse = new SimDisk("fresh", ArrayRig.DISK_BYTES, 4096);
      SimDisk fine = cluster.bring(disk("fresh"));
      one.add(fine);
      one.array().members().remove("fresh");
      coarse.corrupt(0, fine.peek(0, 64 << 10));
      var own = ArrayRig.superblock(coarse);
      assertThatThrownBy(
              () -> two.control().attach(own.devNumber(), own.deviceUuid(), two.way(coarse)))
          .isInstanceOf(ArrayException.class)
          .hasMessageContaining("sectors of 4096");
    }
  }

  @Test
  void aSpareThatOneNodeDoesNotHaveIsInTheWayOfNothingElse() throws Exception {
    List<SimDisk> disks = clustered(3);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      SimDisk spare = disk("spare");
      cluster.bring(spare);
      one.add(spare);
      cluster.hide(spare);
      TestNode two = cluster.join();
      two.blind = true;
      one.fail(0);
      one.array().members().remove("disk0");
      two.fail(1);
      assertThat(one.state("disk1")).isInstanceOf(MemberState.Faulty.class);
      two.write(0, 5, CHUNK);
      assertThat(one.state(spare.name())).isInstanceOf(MemberState.Spare.class);
      two.blind = false;
      cluster.bring(spare);
      one.array().members().growMembers(3); // a change, after which all look for spares
      awaitThat(
          "filled",
          () ->
              one.state(spare.name()) instanceof MemberState.InSync
                  && two.state(spare.name()) instanceof MemberState.InSync);
      assertEqual(List.of(disks.get(2), spare));
    }
  }

  /** A15, and A13: neither waits for the other, and both come to their end. */
  @Test
  void disksComeInAndTheArrayGetsMoreMembersWhileAnotherNodeFillsOne() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      one.write(0, 1, CHUNK);
      one.fail(0);
      one.array().members().remove("disk0");
      SimDisk first = cluster.bring(disk("first"));
      SimDisk second = cluster.bring(disk("second"));
      var data = dataArea(disks.get(1));
      var filling = new CountDownLatch(1);
      var goOn = new CountDownLatch(1);
      first.hook(operation -> {
        if (operation.changes(data)) {
          filling.countDown();
          SharedRig.awaitUninterruptibly(goOn);
        }
      });
      one.add(first);
      filling.await();
      CompletableFuture<Void> adding =
          start(() -> {
            two.add(second);
            two.array().members().growMembers(3);
          });
      SharedRig.assertWaits(adding); // for the write that is under way, and for nothing else
      goOn.countDown();
      SharedRig.finish(adding);
      awaitInSync(one);
      awaitInSync(two);
      assertState(cluster, first, MemberState.InSync.class);
      assertState(cluster, second, MemberState.InSync.class);
      assertEqual(List.of(disks.get(1), first, second));
    }
  }

  /** Else the slot would be nowhere when it is taken over, or when the array is assembled anew. */
  @Test
  void aDiskThatComesInWhileANodeLeavesHasTheSlotOfThatNode() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.joinIdle();
      one.fail(0);
      one.array().members().remove("disk0");
      one.write(5L * CHUNK, 3, CHUNK);
      one.deaf = true;
      one.array().close();
      SimDisk fresh = cluster.bring(disk("fresh"));
      two.add(fresh);
      awaitThat("it receives", () -> two.state(fresh.name()).receives());
      var slot = Candidate.read(fresh).metadata().readSlot(fresh, one.slot());
      assertThat(slot.dirtyRanges()).isEqualTo(cluster.slot(1, one.slot()).dirtyRanges());
      assertThat(slot.dirtyRanges()).isNotEmpty();
    }
  }

  @Test
  void aNodeThatStopsGivesNoSpareARole() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      SimDisk spare = cluster.bring(disk("spare"));
      one.add(spare);
      cluster.hide(spare);
      TestNode two = cluster.joinIdle();
      two.blind = true;
      one.fail(0); // whose role the spare does not get, as the other node does not find it
      cluster.leave(two);
      cluster.leave(one);
      int number = ArrayRig.superblock(spare).devNumber();
      assertThat(cluster.superblock(1).roleOf(number)).isEqualTo(Superblock.ROLE_SPARE);
      assertThat(cluster.superblock(1).roleOf(1)).isEqualTo(1);
    }
  }

  @Test
  void whoCameWhileADiskWasAnnouncedHasItLikeTheOthers() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      two.blind = true;
      SimDisk fresh = cluster.bring(disk("fresh"));
      one.array()
          .members()
          .add(
              one.way(fresh),
              false,
              _ -> {
                try {
                  cluster.join();
                } catch (Exception e) {
                  throw new AssertionError(e);
                }
                two.blind = false;
              });
      assertState(cluster, fresh, MemberState.Spare.class);
      TestNode late = cluster.nodes().getLast();
      late.fail(0);
      awaitInSync(one);
      awaitInSync(late);
      assertState(cluster, fresh, MemberState.InSync.class);
      assertEqual(List.of(disks.get(1), fresh));
    }
  }

  @Test
  void aDeadDiskIsRemovedAlsoWhereItCannotBeRead() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      two.disk(1).breaks(IoFailure.GONE);
      one.fail(1);
      one.array().members().remove("disk1");
      assertNotThere(cluster, disks.get(1));
      two.write(0, 1, CHUNK);
      assertThat(cluster.superblock(0).roleOf(1)).isEqualTo(Superblock.ROLE_SPARE);
    }
  }

  /** What is said of a number is said of the disk that has it now. */
  @Test
  void aStaleDiskWhoseNumberIsAnothersIsNoMemberToWhoComesWithIt() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      one.write(0, 1, CHUNK);
      one.fail(1);
      one.array().members().remove("disk1");
      SimDisk fresh = cluster.bring(disk("fresh"));
      one.add(fresh);
      awaitInSync(one);
      assertThat(ArrayRig.superblock(fresh).devNumber())
          .isEqualTo(ArrayRig.superblock(disks.get(1)).devNumber());
      TestNode two = cluster.join(); // with disk1 among its disks
      two.write((long) CHUNK, 2, CHUNK);
      SimDisk spare = cluster.bring(disk("spare"));
      two.add(spare);
      assertState(cluster, fresh, MemberState.InSync.class);
      assertNotThere(cluster, disks.get(1));
      assertThat(cluster.superblock(0).roleOf(ArrayRig.superblock(fresh).devNumber())).isEqualTo(1);
      assertEqual(List.of(disks.get(0), fresh));
    }
  }
}
