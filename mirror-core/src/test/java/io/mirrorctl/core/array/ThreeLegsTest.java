package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.ArrayRig.assemble;
import static io.mirrorctl.core.array.ArrayRig.assertEqualData;
import static io.mirrorctl.core.array.ArrayRig.awaitInSync;
import static io.mirrorctl.core.array.ArrayRig.bytes;
import static io.mirrorctl.core.array.ArrayRig.createArray;
import static io.mirrorctl.core.array.ArrayRig.dataStart;
import static io.mirrorctl.core.array.ArrayRig.disks;
import static io.mirrorctl.core.array.ArrayRig.onDisk;
import static io.mirrorctl.core.array.ArrayRig.read;
import static io.mirrorctl.core.array.ArrayRig.reopen;
import static io.mirrorctl.core.array.ArrayRig.state;
import static io.mirrorctl.core.array.ArrayRig.superblock;
import static io.mirrorctl.core.array.ArrayRig.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimFault;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.resync.SyncSpeed;
import java.io.IOException;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Bugs that other mirrors had, and schedules that broke an earlier design: each a test. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ThreeLegsTest {
  private static final int MIB = 1 << 20;
  private static final int CHUNK = (int) ArrayRig.CHUNK;
  private final ExecutorService clients = Executors.newCachedThreadPool();

  @AfterEach
  void endClients() {
    clients.shutdownNow();
  }

  private static List<SimDisk> newDisks(int count) throws IOException {
    List<SimDisk> disks = disks(count);
    createArray(BitmapKind.INTERNAL, disks);
    return disks;
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Holds the first change of this range on the disk until told to go on. */
  private static final class Held {
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch go = new CountDownLatch(1);
    private final AtomicInteger count = new AtomicInteger();

    Held(SimDisk disk, SectorRange range) {
      disk.hook(operation -> {
        if (operation.changes(range) && count.getAndIncrement() == 0) {
          reached.countDown();
          await(go);
        }
      });
    }
  }

  @Test
  void recoveringOneMemberKeepsTheBitsThatAnotherMissingOneNeeds() throws Exception { // A1, R6
    List<SimDisk> disks = newDisks(3);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.array().members().fail("disk1");
      mirror.array().members().fail("disk2");
      write(mirror, 2 * MIB, 7, 4096);
      mirror.array().members().reAdd("disk1");
      awaitInSync(mirror);
      for (int pass = 0; pass < 3; pass++) {
        mirror.array().clearIdleBits();
      }
      assertThat(mirror.array().status().dirtyChunks()).isEqualTo(1);
    }
    List<SimDisk> after = reopen(disks);
    try (LocalMirror mirror = assemble(after)) {
      mirror.array().clearIdleBits();
      disks.get(2).clearLog();
      mirror.array().members().reAdd("disk2");
      awaitInSync(mirror);
      assertThat(state(mirror, after.get(2))).isInstanceOf(MemberState.InSync.class);
      assertEqualData(after.get(0), after.get(1), after.get(2));
      mirror.array().clearIdleBits();
      assertThat(mirror.array().status().dirtyChunks()).isZero();
    }
  }

  @Test
  void aSectorWrittenWhileAMemberIsAwayIsDirtyAndCopied() throws Exception { // A2
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.array().members().fail("disk1");
      mirror.array().members().remove("disk1");
      write(mirror, 5 * CHUNK, 3, 512);
      mirror.array().clearIdleBits();
      assertThat(mirror.array().status().dirtyChunks()).isEqualTo(1);
      SimDisk back = disks.get(1).reopen();
      mirror.array().members().reAdd(back);
      awaitInSync(mirror);
      assertThat(mirror.sync().scrub(new Scrubbing.Correction.Off()).get().mismatchSectors())
          .isZero();
      assertEqualData(disks.get(0), back);
    }
  }

  @Test
  void aWriteThatFailedKeepsItsBitUntilTheMembersAreEqual() throws Exception { // A3
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.sync().pause();
      awaitInSync(mirror);
      disks.get(0).inject(SimFault.writes(onDisk(disks.get(0), 0, 512), IoFailure.MEDIUM).once());
      disks.get(1).inject(SimFault.writes(onDisk(disks.get(1), 512, 512), IoFailure.MEDIUM).once());
      assertThatThrownBy(() -> write(mirror, 0, 3, 1024)).isInstanceOf(DeviceException.class);
      mirror.array().clearIdleBits();
      mirror.array().clearIdleBits();
      assertThat(mirror.array().status().dirtyChunks()).isEqualTo(1);
      assertThat(mirror.array().status().neededChunks()).isEqualTo(1);
      mirror.sync().resume();
      awaitInSync(mirror);
      assertEqualData(disks.get(0), disks.get(1));
      mirror.array().clearIdleBits();
      assertThat(mirror.array().status().dirtyChunks()).isZero();
    }
  }

  @Test
  void aMemberBeingFilledIsNeverReadEvenIfTheOnlyOtherIsWriteMostly() throws Exception { // A4
    List<SimDisk> disks = disks(2);
    createArray(BitmapKind.NONE, true, disks, List.of(disks.get(0)));
    try (LocalMirror mirror = assemble(disks)) {
      for (int at = 0; at < 7; at++) {
        write(mirror, (long) at * MIB, at + 1, MIB);
      }
      mirror.sync().pause();
      mirror.array().members().fail("disk1");
      disks.get(1).corrupt(dataStart(disks.get(1)), new byte[6 * MIB]);
      mirror.array().members().reAdd("disk1");
      disks.get(1).clearLog();
      for (int at = 0; at < 6; at++) {
        assertThat(read(mirror, (long) at * MIB, MIB)).isEqualTo(bytes(at + 1, MIB));
      }
      assertThat(disks.get(1).count(SimOperation.Kind.READ)).isZero();
    }
  }

  @Test
  void aWriteInFlightWhenAMemberComesBackReachesIt() throws Exception { // A5, R19
    for (boolean byBitmap : new boolean[] {true, false}) {
      List<SimDisk> disks = disks(2);
      createArray(byBitmap ? BitmapKind.INTERNAL : BitmapKind.NONE, disks);
      try (LocalMirror mirror = assemble(disks)) {
        mirror.array().members().fail("disk1");
        Held held = new Held(disks.get(0), onDisk(disks.get(0), 3 * MIB, 512));
        Future<?> write =
            clients.submit(() -> {
              write(mirror, 3 * MIB, 5, 512);
              return null;
            });
        held.reached.await();
        Future<?> back =
            clients.submit(() -> {
              mirror.array().members().reAdd("disk1");
              return null;
            });
        // the change waits for the write, which goes to the old set of members
        Thread.sleep(20);
        assertThat(back.isDone()).isFalse();
        held.go.countDown();
        write.get();
        back.get();
        awaitInSync(mirror);
        assertThat(state(mirror, disks.get(1))).isInstanceOf(MemberState.InSync.class);
        assertEqualData(disks.get(0), disks.get(1));
      }
    }
  }

  @Test
  void everyWriteReachesWriteMostlyMembersToo() throws Exception { // A6
    List<SimDisk> disks = disks(3);
    createArray(BitmapKind.INTERNAL, true, disks, List.of(disks.get(1)));
    try (LocalMirror mirror = assemble(disks)) {
      Random random = new Random(6);
      for (int i = 0; i < 200; i++) {
        write(mirror, random.nextInt(6 * MIB), i, 1 + random.nextInt(9000));
      }
      disks.get(1).clearLog();
      read(mirror, 0, 6 * MIB);
      assertThat(disks.get(1).count(SimOperation.Kind.READ)).isZero();
      assertEqualData(disks.get(0), disks.get(1), disks.get(2));
      mirror.array().members().fail("disk0");
      mirror.array().members().fail("disk2");
      read(mirror, 0, 4096);
      assertThat(disks.get(1).count(SimOperation.Kind.READ)).isPositive();
    }
  }

  @Test
  void bitsAreReadFromInSyncMembersOnly() throws Exception { // A7
    List<SimDisk> disks = disks(3);
    createArray(BitmapKind.INTERNAL, disks.subList(0, 2), disks.get(2));
    byte[] page = disks.get(2).peek(8192, 4096);
    for (int i = 256; i < 270; i++) {
      page[i] = (byte) 0xff;
    }
    disks.get(2).corrupt(8192, page); // as a kernel leaves it on a spare
    try (LocalMirror mirror = assemble(disks)) {
      assertThat(mirror.array().status().dirtyChunks()).isZero();
    }
  }

  @Test
  void theLossOfAMemberMovesOnlyWhatWasReadFromIt() throws Exception { // R4
    List<SimDisk> disks = newDisks(3);
    try (LocalMirror mirror = assemble(disks)) {
      int[] before = readers(mirror, disks);
      int lost = before[0]; // which units a member has depends on its random UUID
      mirror.array().members().fail("disk" + lost);
      int[] after = readers(mirror, disks);
      for (int unit = 0; unit < before.length; unit++) {
        if (before[unit] == lost) {
          assertThat(after[unit]).isNotEqualTo(lost);
        } else {
          assertThat(after[unit]).isEqualTo(before[unit]);
        }
      }
      mirror.array().members().reAdd("disk" + lost);
      awaitInSync(mirror);
      assertThat(readers(mirror, disks)).isEqualTo(before);
    }
  }

  private static int[] readers(LocalMirror mirror, List<SimDisk> disks) throws IOException {
    int[] readers = new int[7];
    for (int unit = 0; unit < readers.length; unit++) {
      readers[unit] = disks.indexOf(ArrayRig.readerOf(mirror, disks, (long) unit * MIB));
    }
    return readers;
  }

  @Test
  void overlappingWritesReachAllMembersInOneOrderAlsoWhenOneMemberFails() throws Exception { // R8
    List<SimDisk> disks = newDisks(3);
    try (LocalMirror mirror = assemble(disks)) {
      SectorRange place = onDisk(disks.get(2), 0, 4096);
      Held held = new Held(disks.get(2), place);
      Future<?> first =
          clients.submit(() -> {
            write(mirror, 0, 1, 4096);
            return null;
          });
      held.reached.await();
      Future<?> second =
          clients.submit(() -> {
            write(mirror, 2048, 2, 4096);
            return null;
          });
      Thread.sleep(20);
      assertThat(second.isDone()).isFalse();
      disks.get(1).inject(SimFault.writes(onDisk(disks.get(1), 0, 512), IoFailure.MEDIUM).once());
      held.go.countDown();
      first.get();
      second.get();
      assertThat(read(mirror, 0, 6144)).startsWith(bytes(1, 2048)).endsWith(bytes(2, 4096));
      disks.get(2).hook(_ -> {});
      if (state(mirror, disks.get(1)) instanceof MemberState.Faulty) {
        mirror.array().members().reAdd("disk1");
      }
      awaitInSync(mirror);
      assertEqualData(disks.get(0), disks.get(1), disks.get(2));
    }
  }

  @Test
  void manyOverlappingWritersLeaveEqualMembers() throws Exception { // R8 b
    List<SimDisk> disks = newDisks(3);
    try (LocalMirror mirror = assemble(disks)) {
      BlockDevice device = mirror.device();
      List<Future<?>> writers = new java.util.ArrayList<>();
      for (int writer = 0; writer < 6; writer++) {
        int number = writer;
        writers.add(
            clients.submit(() -> {
              Random random = new Random(number);
              for (int i = 0; i < 150; i++) {
                device.write(
                    random.nextInt(3000),
                    ArrayRig.filled(number * 20 + i, 1 + random.nextInt(6000)),
                    io.mirrorctl.core.block.WriteOption.NONE);
              }
              return null;
            }));
      }
      for (Future<?> writer : writers) {
        writer.get();
      }
      assertEqualData(disks.get(0), disks.get(1), disks.get(2));
    }
  }

  @Test
  void aWriteThatLostAMemberIsNotAcknowledgedBeforeTheOthersSaySo() throws Exception { // R3, R8
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      Held superblock = new Held(disks.get(0), SectorRange.ofLength(8, 8));
      disks.get(1).inject(SimFault.writes(onDisk(disks.get(1), 0, 512), IoFailure.MEDIUM));
      Future<?> write =
          clients.submit(() -> {
            write(mirror, 0, 1, 512);
            return null;
          });
      superblock.reached.await();
      Thread.sleep(20);
      assertThat(write.isDone()).isFalse();
      superblock.go.countDown();
      write.get();
      assertThat(state(mirror, disks.get(1))).isInstanceOf(MemberState.Faulty.class);
    }
  }

  @Test
  void aMemberThatLeftWhileItWasBeingFilledIsNotTakenBackByBitmap() throws Exception {
    List<SimDisk> disks = newDisks(2);
    SimDisk fresh = new SimDisk("fresh", ArrayRig.DISK_BYTES);
    try (LocalMirror mirror = assemble(disks)) {
      for (int at = 0; at < 6; at++) {
        write(mirror, (long) at * MIB, at + 1, MIB);
      }
      mirror.array().clearIdleBits();
      mirror.array().members().fail("disk1");
      mirror.array().members().remove("disk1");
      mirror.sync().speed(new SyncSpeed(1 << 18, 1 << 18));
      mirror.array().members().add(fresh, false);
      Awaitility.await().until(() -> fresh.count(SimOperation.Kind.WRITE) > 4);
      mirror.array().members().fail("fresh");
      mirror.sync().speed(SyncSpeed.DEFAULT);
      mirror.array().members().reAdd("fresh");
      awaitInSync(mirror);
      assertThat(state(mirror, fresh)).isInstanceOf(MemberState.InSync.class);
      assertEqualData(disks.get(0), fresh);
    }
  }

  @Test
  void aStaleMemberIsFilledWhollyOnceItsBitsAreGone() throws Exception {
    List<SimDisk> disks = newDisks(3);
    SimDisk fresh = new SimDisk("fresh", ArrayRig.DISK_BYTES);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.array().members().fail("disk2");
      write(mirror, 2 * MIB, 7, 4096);
      mirror.array().members().remove("disk2");
      mirror.array().members().add(fresh, false);
      awaitInSync(mirror);
      mirror.array().clearIdleBits();
      assertThat(mirror.array().status().dirtyChunks()).isZero();
      mirror.array().members().fail("fresh");
      mirror.array().members().remove("fresh");
      SimDisk back = disks.get(2).reopen();
      mirror.array().members().reAdd(back);
      awaitInSync(mirror);
      assertEqualData(disks.get(0), disks.get(1), back);
      assertThat(superblock(back).role()).isEqualTo(2);
    }
  }
}
