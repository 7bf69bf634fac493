package io.mirrorctl.core.resync;

import static io.mirrorctl.core.array.ArrayRig.CHUNK;
import static io.mirrorctl.core.array.ArrayRig.assemble;
import static io.mirrorctl.core.array.ArrayRig.assertEqualData;
import static io.mirrorctl.core.array.ArrayRig.awaitInSync;
import static io.mirrorctl.core.array.ArrayRig.bytes;
import static io.mirrorctl.core.array.ArrayRig.createArray;
import static io.mirrorctl.core.array.ArrayRig.dataStart;
import static io.mirrorctl.core.array.ArrayRig.disks;
import static io.mirrorctl.core.array.ArrayRig.onDisk;
import static io.mirrorctl.core.array.ArrayRig.read;
import static io.mirrorctl.core.array.ArrayRig.record;
import static io.mirrorctl.core.array.ArrayRig.reopen;
import static io.mirrorctl.core.array.ArrayRig.state;
import static io.mirrorctl.core.array.ArrayRig.superblock;
import static io.mirrorctl.core.array.ArrayRig.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.util.concurrent.Uninterruptibles;
import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.array.ArrayEvent;
import io.mirrorctl.core.array.ArrayOptions;
import io.mirrorctl.core.array.ArrayRig;
import io.mirrorctl.core.array.ClusterPort;
import io.mirrorctl.core.array.MemberState;
import io.mirrorctl.core.array.MirrorArray;
import io.mirrorctl.core.array.Mismatch;
import io.mirrorctl.core.array.Scrubbing.Correction;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimFault;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class SyncThreadTest {
  private static final Logger SYNC = Logger.getLogger(SyncThread.class.getName());
  private static final int MIB = 1 << 20;

  @BeforeAll
  static void saysNothingOfPlantedErrors() {
    SYNC.setLevel(Level.OFF);
  }

  @AfterAll
  static void speaksAgain() {
    SYNC.setLevel(null);
  }

  private static List<SimDisk> newDisks(int count) throws IOException {
    List<SimDisk> disks = disks(count);
    createArray(BitmapKind.INTERNAL, disks);
    return disks;
  }

  /** Makes all chunks dirty that hold these bytes, and the members different there. */
  private static List<SimDisk> leftDirty(List<SimDisk> disks, long offset, int length)
      throws Exception {
    LocalMirror mirror = assemble(disks);
    write(mirror, offset, 7, length);
    mirror.flush();
    disks.forEach(disk -> disk.programDies(new java.util.Random(1)));
    assertThatThrownBy(mirror::close).isInstanceOf(IOException.class);
    List<SimDisk> after = reopen(disks);
    after.get(1).corrupt(dataStart(after.get(1)) + offset + 512, bytes(9, 512));
    return after;
  }

  /** An array whose events are recorded from before its first pass on. */
  private record Watched(MirrorArray array, SyncThread sync, List<ArrayEvent> events)
      implements AutoCloseable {

    static Watched over(List<SimDisk> disks) throws IOException {
      ClusterPort port = ClusterPort.singleNode();
      MirrorArray array =
          MirrorArray.assemble("test", disks, ArrayOptions.DEFAULT, port, Env.system());
      List<ArrayEvent> events = Collections.synchronizedList(new ArrayList<>());
      array.listen(events::add);
      SyncThread sync = new SyncThread(array, port, Env.system());
      sync.start();
      return new Watched(array, sync, events);
    }

    void awaitFailedPass() {
      Awaitility.await().until(() -> finished(events, "failed: 1 chunks") > 0);
    }

    void awaitInSync() {
      Awaitility.await().until(sync::isIdle);
    }

    @Override
    public void close() throws IOException {
      sync.close();
      array.close();
    }
  }

  private static long finished(List<ArrayEvent> events, String outcome) {
    synchronized (events) {
      return events.stream()
          .filter(e ->
              e instanceof ArrayEvent.SyncFinished finished
                  && finished.outcome().startsWith(outcome))
          .count();
    }
  }

  // ---- chunks that cannot be copied

  @Test
  void aChunkThatNobodyCanReadDoesNotKeepTheOthersFromBeingCopied() throws Exception {
    List<SimDisk> disks = leftDirty(newDisks(2), 0, 20 * (int) CHUNK);
    disks.get(1).corrupt(dataStart(disks.get(1)) + 19 * CHUNK, bytes(5, 512));
    for (SimDisk disk : disks) {
      disk.inject(SimFault.reads(onDisk(disk, 4 * CHUNK, 512), IoFailure.MEDIUM).healedByRewrite());
    }
    try (Watched mirror = Watched.over(disks)) {
      mirror.awaitFailedPass();
      assertThat(mirror.array().status().neededChunks()).isEqualTo(1);
      Thread.sleep(100);
      assertThat(finished(mirror.events(), "failed"))
          .as("passes over a chunk that cannot be read")
          .isLessThan(4);
      mirror.array().device().write(4 * CHUNK, ArrayRig.filled(3, 512), WriteOption.NONE);
      mirror.array().members().growMembers(3); // a change: tried again at once
      mirror.awaitInSync();
      assertEqualData(disks.get(0), disks.get(1));
    }
  }

  @Test
  void aCheckIsServedThoughSomeChunkCannotBeCopied() throws Exception {
    List<SimDisk> disks = leftDirty(newDisks(2), 0, (int) CHUNK);
    for (SimDisk disk : disks) {
      disk.inject(SimFault.reads(onDisk(disk, 4096, 512), IoFailure.MEDIUM).times(200));
    }
    try (LocalMirror mirror = assemble(disks)) {
      List<ArrayEvent> events = record(mirror);
      CompletableFuture<ScrubReport> check = mirror.sync().scrub(new Correction.Off());
      assertThatThrownBy(() -> check.get(20, TimeUnit.SECONDS)).hasMessageContaining("injected");
      assertThat(finished(events, "failed")).isLessThan(6);
    }
  }

  @Test
  void nothingIsCopiedNorTriedAllTheTimeWhileALossCannotBeRecorded() throws Exception {
    List<SimDisk> disks = leftDirty(newDisks(3), 0, 4 * (int) CHUNK);
    LocalMirror mirror = assemble(disks);
    awaitInSync(mirror);
    mirror.sync().pause();
    for (SimDisk disk : disks.subList(1, 3)) {
      disk.inject(SimFault.writes(SectorRange.ofLength(8, 8), IoFailure.MEDIUM));
    }
    disks.get(0).inject(SimFault.writes(new SectorRange(0, 1 << 14), IoFailure.MEDIUM));
    assertThatThrownBy(() -> write(mirror, 0, 1, 4096)).isInstanceOf(IOException.class);
    AtomicInteger operations = new AtomicInteger();
    disks.forEach(disk -> disk.hook(_ -> operations.incrementAndGet()));
    mirror.sync().resume();
    Thread.sleep(150);
    assertThat(operations.get()).isLessThan(200);
    disks.forEach(SimDisk::heal);
    mirror.close();
  }

  @Test
  void aFailedPassIsTriedAgainWhenTheMembersChangeAlsoAfterAPause() throws Exception {
    List<SimDisk> disks = leftDirty(newDisks(2), 0, (int) CHUNK);
    for (SimDisk disk : disks) {
      disk.inject(SimFault.reads(onDisk(disk, 4096, 512), IoFailure.MEDIUM));
    }
    try (Watched mirror = Watched.over(disks)) {
      mirror.awaitFailedPass();
      mirror.sync().pause();
      assertThat(mirror.sync().isPaused()).isTrue();
      assertThat(mirror.sync().isIdle()).isFalse();
      disks.forEach(SimDisk::heal);
      mirror.sync().resume();
      mirror.array().members().growMembers(3);
      mirror.awaitInSync();
    }
  }

  @Test
  void recoveryFromAMemberWithAnUnreadableSectorIsGivenUpAndTheDataStays() throws Exception {
    List<SimDisk> disks = newDisks(2);
    SimDisk fresh = new SimDisk("fresh", ArrayRig.DISK_BYTES);
    try (LocalMirror mirror = assemble(disks)) {
      List<ArrayEvent> events = record(mirror);
      write(mirror, 0, 7, 6 * MIB);
      mirror.array().members().fail("disk1");
      disks
          .get(0)
          .inject(
              SimFault.reads(onDisk(disks.get(0), 3 * MIB, 512), IoFailure.MEDIUM)
                  .healedByRewrite());
      mirror.array().members().add(fresh, false);
      Awaitility.await().until(() -> state(mirror, fresh) instanceof MemberState.Faulty);
      assertThat(((MemberState.Faulty) state(mirror, fresh)).cause()).contains("recovery stopped");
      assertThat(state(mirror, disks.get(0))).isInstanceOf(MemberState.InSync.class);
      assertThat(read(mirror, 0, 3 * MIB)).isEqualTo(bytes(7, 3 * MIB));
      assertThatThrownBy(() -> read(mirror, 3 * MIB, 512)).isInstanceOf(IOException.class);
      write(mirror, 3 * MIB, 8, 4096);
      mirror.array().members().reAdd("fresh");
      awaitInSync(mirror);
      assertThat(state(mirror, fresh)).isInstanceOf(MemberState.InSync.class);
      assertEqualData(disks.get(0), fresh);
      assertThat(List.copyOf(events)).contains(new ArrayEvent.MemberInSync("fresh"));
    }
  }

  @Test
  void aSectorThatTheSourceCannotReadIsTakenFromAnotherMemberWithoutStartingAgain()
      throws Exception {
    List<SimDisk> disks = newDisks(3);
    SimDisk fresh = new SimDisk("fresh", ArrayRig.DISK_BYTES);
    try (LocalMirror mirror = assemble(disks)) {
      List<ArrayEvent> events = record(mirror);
      for (int at = 0; at < 7; at++) {
        write(mirror, (long) at * MIB, at + 1, MIB);
      }
      mirror.array().clearIdleBits();
      mirror.array().members().fail("disk2");
      mirror.array().members().remove("disk2");
      for (int i = 0; i < 2; i++) {
        for (long at = i * 4096L; at < 7 * MIB; at += MIB) {
          disks
              .get(i)
              .inject(
                  SimFault.reads(onDisk(disks.get(i), at, 512), IoFailure.MEDIUM)
                      .healedByRewrite());
        }
      }
      mirror.array().members().add(fresh, false);
      awaitInSync(mirror);
      assertThat(state(mirror, fresh)).isInstanceOf(MemberState.InSync.class);
      assertEqualData(disks.get(0), disks.get(1), fresh);
      assertThat(finished(events, "")).isEqualTo(1);
    }
  }

  // ---- pace

  @Test
  void aPassRestsToKeepTheSpeedAndNoLongerWhenTheSpeedIsRaised() throws Exception {
    List<SimDisk> disks = newDisks(2);
    SimDisk fresh = new SimDisk("fresh", ArrayRig.DISK_BYTES);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 7, 6 * MIB);
      mirror.sync().speed(new SyncSpeed(1000, 1000)); // a chunk a minute
      mirror.array().members().replace("disk1", fresh, false);
      Awaitility.await()
          .until(() -> mirror.sync().progress().map(p -> p.doneSectors() > 0).orElse(false));
      SyncProgress slow = mirror.sync().progress().orElseThrow();
      assertThat(slow.action()).isEqualTo("recovery");
      assertThat(slow.percent()).isBetween(0.0, 50.0);
      mirror.sync().speed(SyncSpeed.DEFAULT);
      awaitInSync(mirror);
      assertEqualData(disks.get(0), fresh);
    }
  }

  @Test
  void whatIsPausedIsNotCopiedAndGoesOnAfterwards() throws Exception {
    List<SimDisk> disks = leftDirty(newDisks(2), 0, 4 * MIB);
    CountDownLatch copying = new CountDownLatch(1);
    disks.forEach(disk ->
        disk.hook(operation -> {
          if (operation.kind() == SimOperation.Kind.WRITE && operation.length() == CHUNK) {
            copying.countDown();
          }
        }));
    try (LocalMirror mirror = assemble(disks)) {
      copying.await();
      mirror.sync().pause();
      Awaitility.await().until(() -> mirror.sync().progress().isEmpty() || isStill(disks));
      mirror.sync().resume();
      awaitInSync(mirror);
      assertEqualData(disks.get(0), disks.get(1));
    }
  }

  private static boolean isStill(List<SimDisk> disks) throws InterruptedException {
    long before = disks.stream().mapToLong(disk -> disk.count(SimOperation.Kind.WRITE)).sum();
    Thread.sleep(20);
    return before == disks.stream().mapToLong(disk -> disk.count(SimOperation.Kind.WRITE)).sum();
  }

  @Test
  void anArrayWithoutBitmapIsStoppedWithACheckpointAndGoesOnFromThere() throws Exception {
    long secondChunk = 64L * MIB; // of the bitmap in memory
    List<SimDisk> disks =
        List.of(new SimDisk("disk0", 200L * MIB), new SimDisk("disk1", 200L * MIB));
    createArray(BitmapKind.NONE, false, disks, List.of());
    long start = dataStart(disks.get(0));
    CountDownLatch reached = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    disks.forEach(disk ->
        disk.hook(operation -> {
          if (operation.kind() == SimOperation.Kind.ZERO
              && operation.offset() > start + secondChunk) {
            reached.countDown();
            awaitQuietly(go);
          }
        }));
    LocalMirror mirror = assemble(disks);
    reached.await();
    mirror.sync().pause();
    go.countDown();
    mirror.close();
    List<SimDisk> after = reopen(disks);
    assertThat(superblock(after.get(0)).resyncOffset()).isEqualTo(secondChunk / 512);
    after.forEach(SimDisk::clearLog);
    after.get(1).corrupt(start + 190L * MIB, bytes(3, 512));
    after.get(0).corrupt(start + 190L * MIB, bytes(4, 512));
    try (LocalMirror again = assemble(after)) {
      awaitInSync(again);
      assertThat(after.get(0).peek(start + 190L * MIB, 512))
          .isEqualTo(after.get(1).peek(start + 190L * MIB, 512));
    }
    assertThat(superblock(reopen(after).get(0)).isClean()).isTrue();
    assertThat(after)
        .allSatisfy(disk ->
            assertThat(disk.log())
                .extracting(SimOperation.Logged::operation)
                .filteredOn(o -> o.offset() >= start)
                .allMatch(o -> o.offset() >= start + secondChunk));
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void aCrashWithoutBitmapIsFollowedByAFullResync() throws Exception {
    List<SimDisk> disks = disks(2);
    createArray(BitmapKind.NONE, disks);
    List<SimDisk> after = leftDirty(disks, 0, 512);
    after.get(1).corrupt(dataStart(after.get(1)) + 5 * MIB, bytes(3, 512));
    try (LocalMirror mirror = assemble(after)) {
      awaitInSync(mirror);
      assertEqualData(after.get(0), after.get(1));
    }
  }

  // ---- check and repair

  @Test
  void aCheckListsEveryDifferingRangeWithTheMembersAndChangesNothing() throws Exception {
    List<SimDisk> disks = newDisks(3);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 7, 6 * MIB);
      mirror.array().clearIdleBits();
      corrupt(disks.get(1), 10, 3, 1);
      corrupt(disks.get(1), 2047, 2, 2); // over the border of two reads
      corrupt(disks.get(0), 5000, 1, 3);
      corrupt(disks.get(1), 5000, 1, 4);
      disks.forEach(SimDisk::clearLog);
      ScrubReport report = mirror.sync().scrub(new Correction.Off()).get();
      assertThat(report.complete()).isTrue();
      assertThat(report.checkedSectors()).isEqualTo(mirror.sizeBytes() / 512);
      assertThat(report.mismatchSectors()).isEqualTo(6);
      assertThat(report.mismatches())
          .containsExactly(
              mismatch(10, 3, List.of(List.of("disk0", "disk2"), List.of("disk1"))),
              mismatch(2047, 2, List.of(List.of("disk0", "disk2"), List.of("disk1"))),
              mismatch(5000, 1, List.of(List.of("disk0"), List.of("disk1"), List.of("disk2"))));
      assertThat(disks).allMatch(disk -> disk.count(SimOperation.Kind.WRITE) == 0);
    }
  }

  private static void corrupt(SimDisk disk, long sector, int count, int fill) throws IOException {
    disk.corrupt(dataStart(disk) + sector * 512, bytes(fill, count * 512));
  }

  private static Mismatch mismatch(long first, long count, List<List<String>> groups) {
    return new Mismatch(
        SectorRange.ofLength(first, count),
        groups.stream().map(ImmutableList::copyOf).collect(ImmutableList.toImmutableList()));
  }

  @Test
  void aRepairMakesTheMembersEqualToWhatReadersSeeOrToTheDiskThatIsNamed() throws Exception {
    List<SimDisk> disks = newDisks(3);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 7, 6 * MIB);
      mirror.array().clearIdleBits();
      for (int unit = 0; unit < 6; unit++) {
        corrupt(disks.get(unit % 3), unit * 2048L + 9, 2, unit + 1);
      }
      byte[] seen = read(mirror, 0, 6 * MIB);
      ScrubReport repair = mirror.sync().scrub(new Correction.FromReader()).get();
      assertThat(repair.mismatchSectors()).isEqualTo(12);
      assertEqualData(disks.get(0), disks.get(1), disks.get(2));
      assertThat(read(mirror, 0, 6 * MIB)).isEqualTo(seen);

      corrupt(disks.get(1), 77, 1, 0x55);
      mirror.sync().scrub(new Correction.FromDisk("disk1")).get();
      assertThat(read(mirror, 77 * 512, 512)).isEqualTo(bytes(0x55, 512));
      assertEqualData(disks.get(0), disks.get(1), disks.get(2));
      assertThatThrownBy(() -> mirror.sync().scrub(new Correction.FromDisk("nobody")))
          .hasMessageContaining("not an in-sync member");
    }
  }

  @Test
  void aMemberThatCannotReadDuringACheckIsMendedAndNotCalledDifferent() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 7, 4 * MIB);
      for (int i = 0; i < 2; i++) {
        disks
            .get(i)
            .inject(
                SimFault.reads(onDisk(disks.get(i), (i + 1) * 65536L, 512), IoFailure.MEDIUM)
                    .healedByRewrite());
      }
      assertThat(mirror.sync().scrub(new Correction.Off()).get().mismatches()).isEmpty();
      assertThat(mirror.array().status().degraded()).isFalse();
      assertEqualData(disks.get(0), disks.get(1));
    }
  }

  @Test
  void aReadErrorDoesNotHideADifferenceBesideIt() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 7, MIB);
      corrupt(disks.get(1), 300, 1, 5);
      for (SimDisk disk : disks) {
        disk.inject(SimFault.reads(onDisk(disk, 51_200, 512), IoFailure.MEDIUM).healedByRewrite());
        assertThat(mirror.sync().scrub(new Correction.Off()).get().mismatches())
            .containsExactly(mismatch(300, 1, List.of(List.of("disk0"), List.of("disk1"))));
      }
    }
  }

  @Test
  void aCheckCanBeEndedAndOneThatWasNotGoingOnLeavesTheNextAlone() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.sync().cancelScrub();
      assertThat(mirror.sync().scrub(new Correction.Off()).get().complete()).isTrue();
      mirror.sync().speed(new SyncSpeed(MIB, MIB));
      CompletableFuture<ScrubReport> check = mirror.sync().scrub(new Correction.Off());
      assertThatThrownBy(() -> mirror.sync().scrub(new Correction.Off()))
          .hasMessageContaining("going on already");
      Awaitility.await().until(() -> mirror.sync().progress().isPresent());
      mirror.sync().cancelScrub();
      assertThat(check.get().complete()).isFalse();
    }
  }

  @Test
  void aCheckMakesWayForARecoveryAndGoesOnAfterIt() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      List<ArrayEvent> events = record(mirror);
      write(mirror, 0, 7, 7 * MIB);
      mirror.array().members().fail("disk1");
      mirror.sync().speed(new SyncSpeed(8 * MIB, 8 * MIB));
      CompletableFuture<ScrubReport> check = mirror.sync().scrub(new Correction.Off());
      Awaitility.await().until(() -> mirror.sync().progress().isPresent());
      mirror.array().members().reAdd("disk1");
      ScrubReport report = check.get(30, TimeUnit.SECONDS);
      assertThat(report.complete()).isTrue();
      assertThat(List.copyOf(events))
          .containsSubsequence(
              new ArrayEvent.SyncStarted("check"),
              new ArrayEvent.SyncStarted("recovery"),
              new ArrayEvent.SyncStarted("check"));
    }
  }

  @Test
  void aCheckThatIsGoingOnWhenTheArrayIsStoppedEndsWithAnError() throws Exception {
    List<SimDisk> disks = newDisks(2);
    LocalMirror mirror = assemble(disks);
    mirror.sync().speed(new SyncSpeed(1000, 1000));
    CompletableFuture<ScrubReport> check = mirror.sync().scrub(new Correction.Off());
    Awaitility.await().until(() -> mirror.sync().progress().isPresent());
    mirror.close();
    assertThat(check.isDone()).isTrue();
  }

  @Test
  void aWriteToWhatIsBeingCopiedWaitsUntilTheOldDataIsThere() throws Exception {
    List<SimDisk> disks = leftDirty(newDisks(2), 0, 4096);
    var copying = new CountDownLatch(1);
    var go = new CountDownLatch(1);
    var first = new AtomicBoolean(true);
    for (SimDisk disk : disks) {
      SectorRange data = onDisk(disk, 0, 4096);
      disk.hook(operation -> {
        if (operation.changes(data) && first.getAndSet(false)) {
          copying.countDown();
          Uninterruptibles.awaitUninterruptibly(go);
        }
      });
    }
    try (LocalMirror mirror = assemble(disks)) {
      assertThat(copying.await(20, TimeUnit.SECONDS)).isTrue();
      Thread client =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  write(mirror, 0, 8, 4096);
                } catch (IOException e) {
                  throw new AssertionError(e);
                }
              });
      Awaitility.await()
          .during(Duration.ofMillis(200))
          .until(() -> !client.isAlive() || client.getState() == Thread.State.WAITING);
      go.countDown();
      client.join();
      awaitInSync(mirror);
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(8, 4096));
    }
    List<SimDisk> after = reopen(disks);
    assertEqualData(after.get(0), after.get(1));
  }
}
