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

import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimFault;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An array that several nodes use, of which some die. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SharedCrashTest {
  private static final Logger SYNC = Logger.getLogger("io.mirrorctl.core.resync.SyncThread");

  @BeforeAll
  static void saysNothingOfTheDead() {
    SYNC.setLevel(Level.OFF);
  }

  @AfterAll
  static void speaksAgain() {
    SYNC.setLevel(null);
  }

  /** The node dies when its write is on all disks but this one. */
  private static void dieInMidWrite(
      TestNode node, List<SimDisk> disks, int without, long offset, int fill) throws Exception {
    var stop = new SharedRig.Stop(disks.get(without), node.disk(without), offset, CHUNK);
    CompletableFuture<Void> write = start(() -> node.write(offset, fill, CHUNK));
    stop.awaitReached();
    for (int disk = 0; disk < disks.size(); disk++) {
      if (disk != without) {
        SimDisk other = disks.get(disk);
        long place = ArrayRig.dataStart(other) + offset;
        awaitThat(
            "the others have it", () -> Arrays.equals(other.peek(place, CHUNK), filled(fill)));
      }
    }
    node.die("killed in mid-write");
    stop.go();
    end(write);
    assertThat(write).isCompletedExceptionally();
  }

  /** I10: also where the member that reads go to has the new data, or only that one has not. */
  @Test
  void whatWasReadBeforeADeathIsReadAfterIt() throws Exception {
    for (int without = 0; without < 2; without++) {
      for (int unit = 0; unit < 6; unit++) {
        List<SimDisk> disks = clustered(2);
        try (TestCluster cluster = new TestCluster(disks)) {
          TestNode one = cluster.joinIdle();
          TestNode two = cluster.join();
          long offset = ((long) unit << 20) + CHUNK;
          one.write(offset, 1, CHUNK);
          one.array().clearIdleBits();
          two.write(offset + 4L * CHUNK, 5, CHUNK);
          dieInMidWrite(one, disks, without, offset, 2);
          byte[] before = two.read(offset, CHUNK);
          disks.forEach(SimDisk::clearLog);
          cluster.bury(one);
          awaitInSync(two);
          assertThat(two.read(offset, CHUNK)).isEqualTo(before);
          assertEqual(disks);
          assertOnlyTheseBytesWereWritten(disks, offset, CHUNK);
          assertClean(cluster, disks);
        }
      }
    }
  }

  private static void assertOnlyTheseBytesWereWritten(List<SimDisk> disks, long offset, long length)
      throws IOException {
    long written = 0;
    for (SimDisk disk : disks) {
      long data = ArrayRig.dataStart(disk);
      SectorRange there = ArrayRig.onDisk(disk, offset, length);
      for (SimOperation.Logged logged : disk.log()) {
        SimOperation operation = logged.operation();
        if (operation.kind() != SimOperation.Kind.READ && operation.offset() >= data) {
          assertThat(
                  there.contains(SectorRange.coveringBytes(operation.offset(), operation.length())))
              .as("%s of %s is in the chunk of the dead", operation, disk)
              .isTrue();
          written += operation.length();
        }
      }
    }
    assertThat(written).as("bytes that were copied").isEqualTo(length);
  }

  /** T8, and T3 as one of the chunks is the first. */
  @Test
  void oneNodeThatAssemblesCopiesWhatAllTheDeadLeft() throws Exception {
    for (int without = 0; without < 2; without++) {
      List<SimDisk> disks = clustered(2);
      TestCluster cluster = new TestCluster(disks);
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.joinIdle();
      TestNode three = cluster.joinIdle();
      dieInMidWrite(one, disks, without, 0, 1);
      dieInMidWrite(two, disks, 1 - without, 20L * CHUNK, 2);
      dieInMidWrite(three, disks, without, 111L * CHUNK, 3);
      cluster.bury(one);
      cluster.bury(two);
      cluster.bury(three);
      TestNode next = cluster.join();
      assertThat(next.slot()).as("a slot of the dead, or the last free one").isEqualTo(3);
      awaitInSync(next);
      assertEqual(disks);
      assertClean(cluster, disks);
      cluster.close();
    }
  }

  /** T10, T3. */
  @Test
  void alsoTheFirstChunkAloneIsTakenOver() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.join();
      dieInMidWrite(one, disks, 1, 0, 1);
      assertThat(Arrays.equals(ArrayRig.data(disks.get(0)), ArrayRig.data(disks.get(1)))).isFalse();
      cluster.bury(one);
      awaitInSync(two);
      assertEqual(disks);
      assertClean(cluster, disks);
    }
  }

  /** D8: at each operation of the takeover. */
  @Test
  void whenTheAdopterDiesNoBitIsLost() throws Exception {
    boolean died = true;
    for (int operations = 1; died; operations++) {
      List<SimDisk> disks = clustered(2);
      TestCluster cluster = new TestCluster(disks);
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.joinIdle();
      TestNode three = cluster.join();
      dieInMidWrite(one, disks, operations % 2, 30L * CHUNK, 1);
      dieAtOperation(two, operations);
      cluster.bury(one);
      died = two.isDead();
      two.disk(0).hook(_ -> {});
      two.disk(1).hook(_ -> {});
      if (died) {
        cluster.bury(two);
      } else {
        two.startSync();
      }
      awaitInSync(three);
      if (!died) {
        awaitInSync(two);
      }
      assertEqual(disks);
      assertClean(cluster, disks);
      cluster.close();
    }
  }

  private static void dieAtOperation(TestNode node, int operations) {
    AtomicInteger left = new AtomicInteger(operations);
    for (int disk = 0; disk < 2; disk++) {
      node.disk(disk)
          .hook(_ -> {
            if (left.decrementAndGet() == 0) {
              node.die("killed at an operation");
            }
          });
    }
  }

  /** R17: also when all die in a takeover. */
  @Test
  void aTakeoverThatNobodyEndedIsDoneByTheNextNode() throws Exception {
    for (int operations = 1; operations <= 30; operations++) {
      List<SimDisk> disks = clustered(2);
      TestCluster cluster = new TestCluster(disks);
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.joinIdle();
      dieInMidWrite(one, disks, operations % 2, 30L * CHUNK, 1);
      dieAtOperation(two, operations);
      cluster.bury(one);
      if (!two.isDead()) {
        two.die("killed after the takeover");
      }
      cluster.bury(two);
      TestNode three = cluster.join();
      awaitInSync(three);
      assertEqual(disks);
      assertClean(cluster, disks);
      cluster.close();
    }
  }

  /** R4. */
  @Test
  void aMemberIsNotActivatedWhenANodeDiedSinceThePassBegan() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode two = cluster.joinIdle();
      TestNode one = cluster.joinIdle();
      TestNode three = cluster.joinIdle();
      one.fail(1);
      one.write(0, 1, CHUNK);
      one.reAdd(1);
      SyncWork.Pass pass = begin(one).orElseThrow();
      copyAll(pass);
      long offset = 40L * CHUNK;
      dieInMidWrite(three, disks, 1, offset, 3);
      cluster.bury(three); // node two takes it over
      assertThat(two.array().status().neededChunks()).isEqualTo(1);
      assertThat(pass.finish()).isFalse();
      assertThat(one.state(1)).isInstanceOf(MemberState.Recovering.class);
      SyncWork.Pass again = begin(one).orElseThrow();
      copyAll(again);
      assertThat(again.finish()).isTrue();
      assertThat(two.state(1)).isInstanceOf(MemberState.InSync.class);
      assertEqual(disks);
    }
  }

  /** R4: the dead's bits are not where they can be seen. */
  @Test
  void noMemberIsFilledWhileASlotWaitsForItsTakeover() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.join();
      TestNode two = cluster.join();
      TestNode three = cluster.joinIdle();
      one.fail(1);
      one.write(0, 1, CHUNK);
      three.die("killed");
      cluster.notice(three);
      assertThat(cluster.deaths()).isNegative();
      int before = cluster.resyncsBegun();
      finish(start(() -> two.reAdd(1)));
      Thread.sleep(300);
      assertThat(cluster.resyncsBegun() - before).as("turns that were asked for").isLessThan(8);
      assertThat(two.state(1)).isInstanceOf(MemberState.Recovering.class);
      cluster.bury(three);
      awaitInSync(one);
      awaitInSync(two);
      assertEqual(disks);
    }
  }

  private static Optional<SyncWork.Pass> begin(TestNode node) throws IOException {
    return node.array().sync().begin();
  }

  private static void copyAll(SyncWork.Pass pass) throws IOException {
    Optional<SectorRange> next = pass.next(0);
    while (next.isPresent()) {
      assertThat(pass.copy(next.get())).isTrue();
      next = pass.next(next.get().end());
    }
  }

  @Test
  void theWindowOfADeadNodeStaysUntilItsBitsAreTakenOver() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.join();
      ClusterPort.Permit permit = one.beginResync();
      permit.announce(List.of(ClusterPort.Window.of(SectorRange.coveringBytes(0, CHUNK))));
      one.die("killed while it copied");
      var write = start(() -> two.write(0, 1, CHUNK));
      assertWaits(write);
      cluster.bury(one);
      finish(write);
      finish(start(() -> two.beginResync().close()));
    }
  }

  @Test
  void aNodeThatDiesWhileItFillsAMemberIsFollowedByAnother() throws Exception {
    List<SimDisk> disks = clustered(2);
    try (TestCluster cluster = new TestCluster(disks)) {
      TestNode one = cluster.joinIdle();
      TestNode two = cluster.joinIdle();
      one.fail(1);
      for (int chunk = 0; chunk < 100; chunk++) {
        (chunk % 2 == 0 ? one : two).write((long) chunk * CHUNK, chunk, CHUNK);
      }
      one.reAdd(1);
      AtomicInteger copied = new AtomicInteger();
      long data = ArrayRig.dataStart(disks.get(1));
      one.disk(1)
          .hook(operation -> {
            if (operation.kind() == SimOperation.Kind.WRITE
                && operation.offset() >= data
                && copied.incrementAndGet() == 50) {
              one.die("killed while it filled a member");
            }
          });
      one.startSync();
      awaitThat("it dies", one::isDead);
      cluster.bury(one);
      two.startSync();
      awaitInSync(two);
      for (int chunk = 0; chunk < 100; chunk++) {
        assertThat(two.read((long) chunk * CHUNK, CHUNK)).isEqualTo(filled(chunk));
      }
      assertEqual(disks);
      assertClean(cluster, disks);
    }
  }

  /** What the sender changes. */
  private enum Change {
    FAIL,
    RE_ADD,
    ACTIVATE,
    LOSS,
    LOSS_FOR_ALL,
    SPARE
  }

  /** R13, I5, I11: at each step between the first HOLD and the last RESUME. */
  @Test
  void whenASenderDiesAtAnyStepTheOthersAgree() throws Exception {
    for (Change change : Change.values()) {
      List<String> reached = new ArrayList<>();
      for (String step :
          List.of(
              "nothing",
              "held itself",
              "held 1",
              "held 2",
              "superblock 0",
              "superblock 1",
              "superblock 2",
              "only disk 0",
              "only disk 1",
              "only disk 2",
              "committed",
              "settled 1",
              "settled 2",
              "resumed 1",
              "resumed 2")) {
        if (senderDies(change, step)) {
          reached.add(step);
        }
      }
      assertThat(reached)
          .as("%s died at", change)
          .contains("held itself", "held 1", "held 2", "superblock 0", "superblock 1")
          .contains("committed", "settled 1", "settled 2", "resumed 1", "resumed 2");
    }
  }

  private static boolean senderDies(Change change, String step) throws Exception {
    List<SimDisk> disks = change == Change.SPARE ? ArrayRig.disks(3) : clustered(3);
    if (change == Change.SPARE) {
      ArrayRig.createArray(BitmapKind.CLUSTERED, disks.subList(0, 2), disks.get(2));
    }
    TestCluster cluster = new TestCluster(disks);
    TestNode one = cluster.joinIdle();
    TestNode two = cluster.joinIdle();
    TestNode three = cluster.joinIdle();
    three.write(20L * CHUNK, 20, CHUNK);
    if (change == Change.RE_ADD || change == Change.ACTIVATE) {
      two.fail(2);
      two.write(8L * CHUNK, 8, CHUNK);
      for (int other = 0; other < 3; other++) { // its events fall further behind
        three.array().change(set -> set);
      }
    }
    if (change == Change.ACTIVATE) {
      one.reAdd(2);
    }
    SharedRig.Work work =
        switch (change) {
          case FAIL -> () -> one.fail(2);
          case SPARE -> () -> one.fail(1);
          case RE_ADD -> () -> one.reAdd(2);
          case ACTIVATE ->
              () -> {
                SyncWork.Pass pass = begin(one).orElseThrow();
                copyAll(pass);
                pass.finish();
              };
          case LOSS, LOSS_FOR_ALL -> () -> one.write(70L * CHUNK, 7, CHUNK);
        };
    if (change == Change.LOSS) {
      one.disk(2).breaks(IoFailure.GONE);
    }
    if (change == Change.LOSS_FOR_ALL) {
      disks.get(2).inject(SimFault.everything(IoFailure.GONE));
    }
    long before = cluster.superblock(0).events();
    cluster.steps((sender, at) -> {
      if (sender == one && at.equals(step)) {
        one.die("killed when it had " + at);
      }
    });
    if (step.startsWith("superblock")) {
      dieAtSuperblock(one, disks.size(), step.charAt(step.length() - 1) - '0');
    }
    if (step.startsWith("only disk")) {
      dieUnlessDisk(cluster, one, step.charAt(step.length() - 1) - '0', before);
    }
    AtomicInteger acknowledged = new AtomicInteger();
    CompletableFuture<Void> begun = new CompletableFuture<>();
    var writer =
        start(() -> {
          begun.join();
          for (int value = 1; value <= 40; value++) {
            two.write(50L * CHUNK, value, 4096);
            acknowledged.set(value);
            byte[] found = three.read(50L * CHUNK, 4096);
            assertThat(found).isEqualTo(ArrayRig.bytes(value, 4096));
          }
        });
    if (change != Change.LOSS_FOR_ALL) { // else its writer would be the sender
      begun.complete(null);
    }
    end(start(work));
    boolean died = one.isDead();
    if (died) {
      cluster.bury(one);
    }
    begun.complete(null);
    finish(writer);
    assertThat(two.isDead()).as("%s at %s: %s", change, step, two).isFalse();
    assertThat(three.isDead()).as("%s at %s: %s", change, step, three).isFalse();
    assertThat(acknowledged).hasValue(40);
    awaitThat(
        "spares have taken the roles that are vacant",
        () ->
            isFilled(two)
                && isFilled(three)
                && two.array().status().events() == three.array().status().events());
    assertAgreement(change + " at " + step, cluster, two, three);
    if (died && !step.equals("nothing")) {
      assertThat(cluster.superblock(0).events()).isGreaterThan(before);
    }
    boolean _ = one.disk(2).heals();
    disks.get(2).heal();
    two.startSync();
    three.startSync();
    for (int disk = 0; disk < 3; disk++) {
      if (two.state(disk) instanceof MemberState.Faulty && change != Change.SPARE) {
        two.reAdd(disk);
      }
    }
    awaitInSync(two);
    awaitInSync(three);
    assertThat(three.read(50L * CHUNK, 4096)).isEqualTo(ArrayRig.bytes(40, 4096));
    assertThat(two.read(20L * CHUNK, CHUNK)).isEqualTo(filled(20));
    if (change == Change.RE_ADD || change == Change.ACTIVATE) {
      assertThat(three.read(8L * CHUNK, CHUNK)).isEqualTo(filled(8));
    }
    if (!died) {
      cluster.kill(one);
      awaitInSync(two);
      awaitInSync(three);
    }
    if (change == Change.SPARE) {
      assertEqual(
          two.state(1) instanceof MemberState.Faulty
              ? List.of(disks.get(0), disks.get(2))
              : disks.subList(0, 2));
    } else {
      assertEqual(disks);
      assertClean(cluster, disks);
    }
    cluster.close();
    return died;
  }

  private static boolean isFilled(TestNode node) {
    ArrayStatus status = node.array().status();
    long receiving = status.members().stream().filter(m -> m.state().receives()).count();
    return receiving >= status.raidDisks()
        || status.members().stream().noneMatch(m -> m.state() instanceof MemberState.Spare);
  }

  /** When so many superblocks are written, in whatever order, it dies before the next. */
  private static void dieAtSuperblock(TestNode node, int disks, int count) {
    AtomicInteger left = new AtomicInteger(count);
    for (int disk = 0; disk < disks; disk++) {
      node.disk(disk)
          .hook(operation -> {
            synchronized (left) {
              boolean superblock =
                  operation.kind() == SimOperation.Kind.WRITE && operation.offset() == 4096;
              if (superblock && left.decrementAndGet() < 0 && !node.isDead()) {
                node.die("killed after superblock " + count);
              }
            }
          });
    }
  }

  /** This disk alone gets its superblock. */
  private static void dieUnlessDisk(TestCluster cluster, TestNode node, int only, long before)
      throws IOException {
    for (int disk = 0; disk < 3; disk++) {
      if (disk != only) {
        node.disk(disk)
            .hook(operation -> {
              if (operation.kind() == SimOperation.Kind.WRITE && operation.offset() == 4096) {
                for (int i = 0; i < 100 && cluster.superblock(only).events() <= before; i++) {
                  LockSupport.parkNanos(1_000_000);
                }
                if (!node.isDead()) {
                  node.die("killed when only disk " + only + " knew");
                }
              }
            });
      }
    }
  }

  private static void assertAgreement(
      String when, TestCluster cluster, TestNode one, TestNode other) throws IOException {
    MemberSet set = one.array().memberSet();
    MemberSet same = other.array().memberSet();
    assertThat(same.events()).as(when).isEqualTo(set.events());
    for (int disk = 0; disk < 3; disk++) {
      assertThat(one.state(disk).getClass())
          .as("%s: disk %d", when, disk)
          .isEqualTo(other.state(disk).getClass());
      if (!(one.state(disk) instanceof MemberState.Faulty)) {
        Superblock superblock = cluster.superblock(disk);
        assertThat(superblock.events()).as("%s: disk %d", when, disk).isEqualTo(set.events());
        for (int number = 0; number < 3; number++) {
          boolean faulty = one.state(number) instanceof MemberState.Faulty;
          assertThat(superblock.roleOf(number) == Superblock.ROLE_FAULTY)
              .as("%s: role of %d on disk %d", when, number, disk)
              .isEqualTo(faulty);
        }
      }
    }
  }
}
