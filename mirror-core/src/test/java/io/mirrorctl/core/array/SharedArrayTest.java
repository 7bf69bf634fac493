package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.SharedRig.CHUNK;
import static io.mirrorctl.core.array.SharedRig.assertClean;
import static io.mirrorctl.core.array.SharedRig.assertEqual;
import static io.mirrorctl.core.array.SharedRig.assertWaits;
import static io.mirrorctl.core.array.SharedRig.awaitInSync;
import static io.mirrorctl.core.array.SharedRig.awaitThat;
import static io.mirrorctl.core.array.SharedRig.clustered;
import static io.mirrorctl.core.array.SharedRig.end;
import static io.mirrorctl.core.array.SharedRig.filled;
import static io.mirrorctl.core.array.SharedRig.finish;
import static io.mirrorctl.core.array.SharedRig.start;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimFault;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.resync.SyncSpeed;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An array that several nodes use, all of them well. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SharedArrayTest {
  private static final Logger SYNC = Logger.getLogger("io.mirrorctl.core.resync.SyncThread");

  @BeforeAll
  static void saysNothingOfPlantedErrors() {
    SYNC.setLevel(Level.OFF);
  }

  @AfterAll
  static void speaksAgain() {
    SYNC.setLevel(null);
  }

  @Test
  void whatOneNodeWroteAnotherReads() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      var left =
          start(() -> {
            for (int chunk = 0; chunk < 100; chunk += 2) {
              one.write((long) chunk * CHUNK, 1 + chunk, CHUNK);
            }
          });
      var right =
          start(() -> {
            for (int chunk = 1; chunk < 100; chunk += 2) {
              two.write((long) chunk * CHUNK, 1 + chunk, CHUNK);
            }
          });
      finish(left);
      finish(right);
      for (int chunk = 0; chunk < 100; chunk++) {
        TestNode other = chunk % 2 == 0 ? two : one;
        assertThat(other.read((long) chunk * CHUNK, CHUNK)).isEqualTo(filled(1 + chunk));
      }
      assertEqual(disks);
      assertClean(cluster, disks);
    }
  }

  @Test
  void requestsThatAreNotWholeSectorsAreRefused() throws Exception {
    List<SimDisk> disks =
        List.of(new SimDisk("disk0", 8 << 20, 512), new SimDisk("disk1", 8 << 20, 4096));
    ArrayRig.createArray(BitmapKind.CLUSTERED, disks);
    try (TestCluster cluster = new TestCluster(disks)) {
      var device = cluster.join().array().device();
      assertThat(device.blockSizes().minimum()).isEqualTo(4096);
      List<SharedRig.Work> requests =
          List.of(
              () -> device.write(512, ArrayRig.filled(1, 4096), WriteOption.NONE),
              () -> device.write(0, ArrayRig.filled(1, 512), WriteOption.NONE),
              () -> device.read(0, ByteBuffer.allocate(512)),
              () -> device.writeZeroes(4096, 512, WriteOption.NONE),
              () -> device.discard(512, 4096, WriteOption.NONE));
      for (SharedRig.Work request : requests) {
        assertThatThrownBy(request::run)
            .isInstanceOfSatisfying(
                DeviceException.class, e -> assertThat(e.failure()).isEqualTo(IoFailure.INVALID));
      }
      device.write(4096, ArrayRig.filled(1, 4096), WriteOption.NONE);
    }
  }

  @Test
  void aMemberThatFailsOnOneNodeIsFaultyOnAllBeforeTheWriteReturns() throws Exception {
    List<SimDisk> disks = clustered(3);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.joinIdle();
      TestNode three = cluster.joinIdle();
      long before = cluster.superblock(0).events();
      one.disk(1).breaks(IoFailure.GONE);
      one.write(0, 7, CHUNK);
      for (TestNode node : List.of(one, two, three)) {
        assertThat(node.state(1)).isInstanceOf(MemberState.Faulty.class);
        assertThat(node.read(0, CHUNK)).isEqualTo(filled(7));
      }
      for (int disk : List.of(0, 2)) {
        Superblock superblock = cluster.superblock(disk);
        assertThat(superblock.events()).isGreaterThan(before);
        assertThat(superblock.roleOf(1)).isEqualTo(Superblock.ROLE_FAULTY);
      }
      two.write(0, 8, CHUNK);
      assertThat(three.read(0, CHUNK)).isEqualTo(filled(8));
      assertThat(disks.get(1).peek(ArrayRig.dataStart(disks.get(0)), CHUNK))
          .as("nobody writes to it")
          .isEqualTo(new byte[CHUNK]);
    }
  }

  /** R3: nobody reads the failed member when the write that lost it has returned. */
  @Test
  void aReadNeverGoesBackWhenAMemberFails() throws Exception {
    for (int round = 0; round < 20; round++) {
      List<SimDisk> disks = clustered(3);
      try (TestCluster cluster = new TestCluster(disks)) {
        TestNode one = cluster.joinIdle();
        TestNode two = cluster.joinIdle();
        AtomicBoolean stop = new AtomicBoolean();
        int[] newest = {0};
        var reader =
            start(() -> {
              int seen = 0;
              while (!stop.get()) {
                int least;
                synchronized (newest) {
                  least = newest[0];
                }
                int found = two.read(0, 512)[0];
                assertThat(found).isGreaterThanOrEqualTo(Math.max(seen, least));
                seen = found;
              }
            });
        for (int value = 1; value <= 20; value++) {
          if (value == 10) {
            one.disk(round % 3).breaks(IoFailure.GONE);
          }
          one.write(0, value, 512);
          synchronized (newest) {
            newest[0] = value;
          }
        }
        stop.set(true);
        finish(reader);
      }
    }
  }

  /** R11. */
  @Test
  void whenTwoNodesLoseDifferentMembersOneStays() throws Exception {
    for (int round = 0; round < 30; round++) {
      List<SimDisk> disks = clustered(2);
      TestCluster cluster = new TestCluster(disks);
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.joinIdle();
      TestNode three = cluster.joinIdle();
      three.write(5L * CHUNK, 5, CHUNK);
      CyclicBarrier together = new CyclicBarrier(2);
      breakTogether(one.disk(0), together);
      breakTogether(two.disk(1), together);
      var first = start(() -> one.write(0, 1, CHUNK));
      var second = start(() -> two.write(CHUNK, 2, CHUNK));
      end(first);
      end(second);
      for (TestNode node : List.of(one, two)) {
        if (node.isDead()) {
          cluster.bury(node);
        }
      }
      assertThat(three.isDead()).isFalse();
      var states = List.of(three.state(0), three.state(1));
      assertThat(states).filteredOn(MemberState.InSync.class::isInstance).hasSize(1);
      assertThat(three.read(5L * CHUNK, CHUNK)).isEqualTo(filled(5));
      if (!first.isCompletedExceptionally()) {
        assertThat(three.read(0, CHUNK)).isEqualTo(filled(1));
      }
      if (!second.isCompletedExceptionally()) {
        assertThat(three.read(CHUNK, CHUNK)).isEqualTo(filled(2));
      }
      three.write(9L * CHUNK, 9, CHUNK);
      cluster.close();
    }
  }

  private static void breakTogether(NodeDisk disk, CyclicBarrier together) {
    AtomicBoolean first = new AtomicBoolean(true);
    disk.hook(operation -> {
      if (operation.kind() == SimOperation.Kind.WRITE && operation.length() == CHUNK) {
        if (first.getAndSet(false)) {
          try {
            together.await(10, TimeUnit.SECONDS);
          } catch (Exception e) {
            throw new AssertionError(e);
          }
          disk.breaks(IoFailure.GONE);
        }
      }
    });
  }

  @Test
  void aWriteIntoAnotherNodesWindowWaitsAndOthersGoOn() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.joinIdle();
      CompletableFuture<Void> inside;
      try (ClusterPort.Permit permit = one.beginResync()) {
        permit.announce(
            List.of(ClusterPort.Window.of(SectorRange.coveringBytes(10L * CHUNK, 512))));
        inside = start(() -> two.write(10L * CHUNK, 1, 512));
        var beside = start(() -> two.write(10L * CHUNK + 512, 1, 512)); // the window is wider
        two.write(20L * CHUNK, 2, CHUNK);
        one.write(21L * CHUNK, 3, CHUNK);
        assertThat(two.read(10L * CHUNK, CHUNK)).isEqualTo(new byte[CHUNK]);
        assertWaits(inside);
        assertThat(beside).isNotDone();
        permit.announce(
            List.of(ClusterPort.Window.of(SectorRange.coveringBytes(50L * CHUNK, CHUNK))));
        finish(beside);
        finish(inside);
        inside = start(() -> two.write(50L * CHUNK, 4, 512));
        assertWaits(inside);
        TestNode late = cluster.joinIdle();
        var joiner = start(() -> late.write(50L * CHUNK + 512, 5, 512));
        assertWaits(joiner);
        permit.announce(List.of());
        finish(joiner);
      }
      finish(inside);
      assertThat(one.read(50L * CHUNK, 1024)).startsWith(4).endsWith(5);
    }
  }

  @Test
  void aWindowIsOpenOnlyWhenNoWriteIsInFlightThere() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.joinIdle();
      SharedRig.Stop stop = new SharedRig.Stop(disks.get(1), two.disk(1), 0, CHUNK);
      var write = start(() -> two.write(0, 1, CHUNK));
      stop.awaitReached();
      try (ClusterPort.Permit permit = one.beginResync()) {
        var opened =
            start(() ->
                permit.announce(
                    List.of(ClusterPort.Window.of(SectorRange.coveringBytes(0, CHUNK)))));
        assertWaits(opened);
        stop.go();
        finish(opened);
        finish(write);
        permit.announce(List.of());
      }
    }
  }

  /** Who waits for the token has no pass, so the token's owner can wait for passes. */
  @Test
  void aParkedWriteHoldsUpNoWindowAndNoHold() throws Exception {
    List<SimDisk> disks = clustered(3);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.joinIdle();
      NodeLock.Ticket token = cluster.token().acquire(one);
      two.disk(1).breaks(IoFailure.GONE);
      var parked = start(() -> two.write(0, 1, CHUNK));
      awaitThat("the write is parked", () -> cluster.token().waiting() == 1);
      assertWaits(parked);
      finish(
          start(() -> two.control().suspend(0, List.of(SectorRange.coveringBytes(0, 4L * CHUNK)))));
      finish(start(() -> assertThat(two.control().hold(Set.of())).containsExactly(1)));
      two.control().resume();
      assertThat(parked).isNotDone();
      cluster.token().release(token);
      awaitThat("the loss is recorded", () -> two.state(1) instanceof MemberState.Faulty);
      two.control().suspend(0, List.of());
      finish(parked);
      assertThat(one.state(1)).isInstanceOf(MemberState.Faulty.class);
      assertThat(one.read(0, CHUNK)).isEqualTo(filled(1));
    }
  }

  /** T9: the bits of all nodes are copied when one of them takes the member back. */
  @Test
  void aReAddOnOneNodeCopiesWhatEveryNodeWroteMeanwhile() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      one.write(0, 9, CHUNK);
      two.fail(1);
      one.write(3L * CHUNK, 1, CHUNK);
      two.write(50L * CHUNK, 2, CHUNK);
      one.array().clearIdleBits();
      two.array().clearIdleBits();
      one.reAdd(1);
      awaitInSync(one);
      awaitInSync(two);
      assertThat(two.state(1)).isInstanceOf(MemberState.InSync.class);
      assertEqual(disks);
      assertClean(cluster, disks);
      assertThat(ArrayRig.data(disks.get(1))).contains(1, 2);
    }
  }

  @Test
  void copyingEndsAlsoWhenEveryNodeWantsToDoIt() throws Exception {
    List<SimDisk> disks = clustered(3);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      TestNode three = cluster.join();
      two.fail(1);
      for (int chunk = 0; chunk < 100; chunk++) {
        cluster.nodes().get(chunk % 3).write((long) chunk * CHUNK, chunk, CHUNK);
      }
      long start = disks.get(1).count(SimOperation.Kind.WRITE);
      three.reAdd(1);
      awaitInSync(one);
      awaitInSync(two);
      awaitInSync(three);
      assertEqual(disks);
      assertThat(disks.get(1).count(SimOperation.Kind.WRITE) - start)
          .as("writes for 100 chunks")
          .isLessThan(300);
      assertClean(cluster, disks);
    }
  }

  @Test
  void aNodeThatWaitsForItsTurnToCopyCanLeave() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.join();
      try (var _ = one.beginResync()) {
        two.fail(1);
        two.write(0, 1, CHUNK);
        two.reAdd(1);
        awaitThat("it waits for its turn", () -> cluster.resync().waiting() == 1);
        finish(start(() -> cluster.leave(two)));
      }
    }
  }

  @Test
  void whoPausesCopyingKeepsNobodyFromWritingOrCopying() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.joinIdle();
      one.fail(1);
      one.write(0, 1, 100 * CHUNK);
      one.sync().speed(new SyncSpeed(1, 1));
      one.reAdd(1);
      awaitThat("it has begun", () -> isCopied(disks));
      finish(start(() -> two.write(0, 2, CHUNK)));
      one.sync().pause();
      finish(start(() -> two.write(0, 3, 100 * CHUNK)));
      two.startSync();
      awaitInSync(two);
      assertEqual(disks);
    }
  }

  @Test
  void aReadErrorIsMendedWhileAnotherNodeCopies() throws Exception {
    List<SimDisk> disks = clustered(3);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      one.fail(1);
      for (int chunk = 0; chunk < 100; chunk++) {
        one.write((long) chunk * CHUNK, chunk, CHUNK);
      }
      one.sync().speed(new SyncSpeed(1 << 20, 1 << 20));
      two.sync().speed(new SyncSpeed(1 << 20, 1 << 20));
      one.reAdd(1);
      awaitThat(
          "one of them has begun",
          () -> one.sync().progress().isPresent() || two.sync().progress().isPresent());
      for (int chunk = 0; chunk < 100; chunk += 6) {
        SectorRange bad = ArrayRig.onDisk(disks.get(0), (long) chunk * CHUNK, 4096);
        disks.get(chunk % 4).inject(SimFault.reads(bad, IoFailure.MEDIUM).healedByRewrite());
        assertThat(two.read((long) chunk * CHUNK, CHUNK)).isEqualTo(filled(chunk));
      }
      one.sync().speed(SyncSpeed.DEFAULT);
      two.sync().speed(SyncSpeed.DEFAULT);
      awaitInSync(one);
      disks.forEach(SimDisk::heal);
      assertEqual(disks);
    }
  }

  @Test
  void aReadErrorThatCannotBeMendedLeavesNoWindowBehind() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.joinIdle();
      for (SimDisk disk : disks) {
        SectorRange bad = ArrayRig.onDisk(disk, 0, 4096);
        disk.inject(SimFault.reads(bad, IoFailure.MEDIUM).healedByRewrite());
      }
      assertThatThrownBy(() -> one.read(0, 4096)).isInstanceOf(IOException.class);
      finish(start(() -> two.write(0, 1, 4096)));
      assertThat(one.read(0, 4096)).isEqualTo(ArrayRig.bytes(1, 4096));
    }
  }

  /** R19: who is in the middle of a degraded write is waited for. */
  @Test
  void aDegradedWriteInFlightIsOverBeforeTheMemberComesBack() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.joinIdle();
      one.fail(1);
      SharedRig.Stop stop = new SharedRig.Stop(disks.get(0), two.disk(0), 7L * CHUNK, CHUNK);
      var write = start(() -> two.write(7L * CHUNK, 7, CHUNK));
      stop.awaitReached();
      var reAdd = start(() -> one.reAdd(1));
      assertWaits(reAdd);
      stop.go();
      finish(write);
      finish(reAdd);
      awaitInSync(one);
      assertEqual(disks);
      assertThat(one.read(7L * CHUNK, CHUNK)).isEqualTo(filled(7));
    }
  }

  /** R19: what its bitmap said when it was left behind means nothing. */
  @Test
  void aMemberThatComesBackHasTheSlotsOfAllNodes() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.joinIdle();
      one.write(90L * CHUNK, 1, CHUNK);
      one.fail(1);
      two.write(4L * CHUNK, 2, CHUNK);
      for (int slot = 0; slot < TestCluster.SLOTS; slot++) {
        var area =
            SlotStorage.area(
                cluster.superblock(1),
                one.array().bitmap().geometry(),
                one.array().bitmap().header().slots());
        disks.get(1).corrupt(area.pageOffsetBytes(slot, 0) + 512, ArrayRig.bytes(0x55, 512));
      }
      one.reAdd(1);
      for (int slot = 0; slot < TestCluster.SLOTS; slot++) {
        assertThat(cluster.slot(1, slot).dirtyRanges())
            .as("slot %d", slot)
            .isEqualTo(cluster.slot(0, slot).dirtyRanges());
      }
      two.write(5L * CHUNK, 3, CHUNK);
      assertThat(cluster.slot(1, 1).isDirty(5)).as("it takes bits from now on").isTrue();
    }
  }

  /** R6: three members, two of them failing and coming back in every order. */
  @Test
  void noOrderOfFailuresAndReturnsLosesAWrite() throws Exception {
    List<List<Integer>> orders = new ArrayList<>();
    permute(new ArrayList<>(List.of(0, 1, 2, 3, 4, 5)), 0, orders);
    for (List<Integer> order : orders) {
      boolean possible = order.indexOf(0) < order.indexOf(2) && order.indexOf(1) < order.indexOf(3);
      if (possible) {
        failAndReturn(order);
      }
    }
  }

  private static void failAndReturn(List<Integer> order) throws Exception {
    List<SimDisk> disks = ArrayRig.smallDisks(3);
    ArrayRig.createArray(BitmapKind.CLUSTERED, disks);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      for (int what : order) {
        switch (what) {
          case 0 -> two.fail(1);
          case 1 -> one.fail(2);
          case 2 -> two.reAdd(1);
          case 3 -> one.reAdd(2);
          case 4 -> one.write(3L * CHUNK, 1, CHUNK);
          default -> two.write(9L * CHUNK, 2, CHUNK);
        }
        awaitThat(
            "what can be copied is copied, order " + order,
            () ->
                one.sync().isIdle()
                    && two.sync().isIdle()
                    && !(one.state(1) instanceof MemberState.Recovering)
                    && !(one.state(2) instanceof MemberState.Recovering));
        one.array().clearIdleBits();
        two.array().clearIdleBits();
      }
      assertThat(one.array().status().degraded()).as("%s", order).isFalse();
      assertThat(two.read(3L * CHUNK, CHUNK)).as("%s", order).isEqualTo(filled(1));
      assertThat(one.read(9L * CHUNK, CHUNK)).as("%s", order).isEqualTo(filled(2));
      assertEqual(disks);
      assertClean(cluster, disks);
    }
  }

  private static boolean isCopied(List<SimDisk> disks) {
    try {
      return Arrays.equals(
          disks.get(0).peek(ArrayRig.dataStart(disks.get(0)), CHUNK),
          disks.get(1).peek(ArrayRig.dataStart(disks.get(1)), CHUNK));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void permute(List<Integer> left, int from, List<List<Integer>> all) {
    if (from == left.size()) {
      all.add(List.copyOf(left));
      return;
    }
    for (int i = from; i < left.size(); i++) {
      Collections.swap(left, from, i);
      permute(left, from + 1, all);
      Collections.swap(left, from, i);
    }
  }

  @Test
  void whoJoinsBesideALiveNodeTouchesOnlyItsOwnSlot() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      one.write(4L * CHUNK, 1, CHUNK);
      disks.forEach(SimDisk::clearLog);
      TestNode two = cluster.joinIdle();
      assertThat(two.array().status().neededChunks()).isZero();
      assertThat(two.array().status().dirtyChunks()).isZero();
      var geometry = one.array().bitmap().geometry();
      var area =
          SlotStorage.area(cluster.superblock(0), geometry, one.array().bitmap().header().slots());
      long start = area.pageOffsetBytes(1, 0);
      for (SimDisk disk : disks) {
        assertThat(disk.log().stream().map(SimOperation.Logged::operation))
            .filteredOn(operation -> operation.kind() == SimOperation.Kind.WRITE)
            .isNotEmpty()
            .allMatch(operation ->
                operation.offset() >= start
                    && operation.offset() + operation.length() <= start + geometry.strideBytes());
      }
      assertThat(cluster.slot(0, 0).isDirty(4)).isTrue();
    }
  }

  /** R20, D12. */
  @Test
  void resyncOffsetIsZeroWhileNodesUseTheArrayAndMaxAfterTheLast() throws Exception {
    List<SimDisk> disks = clustered(2);
    TestCluster cluster = new TestCluster(disks);
    assertThat(cluster.superblock(0).resyncOffset()).isEqualTo(Superblock.MAX_SECTOR);
    TestNode one = cluster.joinIdle();
    assertOffset(cluster, 0);
    TestNode two = cluster.joinIdle();
    one.write(0, 1, CHUNK);
    two.write(CHUNK, 1, CHUNK);
    cluster.leave(one);
    assertOffset(cluster, 0);
    cluster.leave(two);
    assertOffset(cluster, Superblock.MAX_SECTOR);
    TestNode three = cluster.joinIdle();
    assertOffset(cluster, 0);
    three.fail(1);
    three.write(0, 2, CHUNK);
    cluster.leave(three);
    assertThat(cluster.superblock(0).resyncOffset()).as("not all roles in sync").isZero();
  }

  private static void assertOffset(TestCluster cluster, long offset) throws Exception {
    assertThat(cluster.superblock(0).resyncOffset()).isEqualTo(offset);
    assertThat(cluster.superblock(1).resyncOffset()).isEqualTo(offset);
  }

  /** Between the last leaver's word and its leaving another may come. */
  @Test
  void whoComesBesideTheLastLeaverSetsResyncOffsetBack() throws Exception {
    List<SimDisk> disks = clustered(2);
    TestCluster cluster = new TestCluster(disks);
    TestNode one = cluster.joinIdle();
    one.write(0, 1, CHUNK);
    one.close();
    assertOffset(cluster, Superblock.MAX_SECTOR);
    TestNode two = cluster.joinIdle();
    assertOffset(cluster, 0);
    cluster.kill(one);
    two.write(0, 2, CHUNK);
    assertThat(two.read(0, CHUNK)).isEqualTo(filled(2));
    cluster.close();
    assertOffset(cluster, Superblock.MAX_SECTOR);
  }

  @Test
  void aReadErrorIsMendedBesideAnotherNodesWrites() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.joinIdle();
      for (int round = 1; round <= 30; round++) { // no more errors than a member may have
        int value = round;
        SectorRange bad = ArrayRig.onDisk(disks.get(0), 0, 4096);
        for (SimDisk disk : disks) {
          disk.heal();
        }
        disks.get(round % 2).inject(SimFault.reads(bad, IoFailure.MEDIUM).healedByRewrite());
        var write = start(() -> two.write(0, value, 4096));
        byte[] found = one.read(0, 4096);
        assertThat(found[0]).isIn((byte) value, (byte) (value - 1));
        finish(write);
        assertThat(one.read(0, 4096)).isEqualTo(ArrayRig.bytes(value, 4096));
        disks.forEach(SimDisk::heal);
        assertThat(Arrays.copyOf(ArrayRig.data(disks.get(0)), 4096))
            .isEqualTo(Arrays.copyOf(ArrayRig.data(disks.get(1)), 4096));
      }
    }
  }
}
