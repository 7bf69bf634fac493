package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.ArrayRig.assemble;
import static io.mirrorctl.core.array.ArrayRig.assertEqualData;
import static io.mirrorctl.core.array.ArrayRig.awaitInSync;
import static io.mirrorctl.core.array.ArrayRig.bytes;
import static io.mirrorctl.core.array.ArrayRig.createArray;
import static io.mirrorctl.core.array.ArrayRig.disks;
import static io.mirrorctl.core.array.ArrayRig.member;
import static io.mirrorctl.core.array.ArrayRig.onDisk;
import static io.mirrorctl.core.array.ArrayRig.read;
import static io.mirrorctl.core.array.ArrayRig.record;
import static io.mirrorctl.core.array.ArrayRig.reopen;
import static io.mirrorctl.core.array.ArrayRig.state;
import static io.mirrorctl.core.array.ArrayRig.superblock;
import static io.mirrorctl.core.array.ArrayRig.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimFault;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Errors of members: who notices, who is failed, what is promised afterwards. */
class FaultTest {
  private static final int MIB = 1 << 20;
  private static final SectorRange SUPERBLOCK = SectorRange.ofLength(8, 8);
  private static final SectorRange BITMAP = SectorRange.ofLength(16, 8);

  private static List<SimDisk> newDisks(int count) throws Exception {
    List<SimDisk> disks = disks(count);
    createArray(BitmapKind.INTERNAL, disks);
    return disks;
  }

  private static MemberState faulty(LocalMirror mirror, SimDisk disk) {
    MemberState state = state(mirror, disk);
    assertThat(state).isInstanceOf(MemberState.Faulty.class);
    return state;
  }

  private static void inSync(LocalMirror mirror, SimDisk... disks) {
    for (SimDisk disk : disks) {
      assertThat(state(mirror, disk)).as(disk.name()).isInstanceOf(MemberState.InSync.class);
    }
  }

  // ---- reads

  @Test
  void aReadErrorIsMendedFromTheOtherMemberAndCounted() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      List<ArrayEvent> events = record(mirror);
      write(mirror, 0, 7, 4 * MIB);
      SimDisk reader = ArrayRig.readerOf(mirror, disks, 2 * MIB);
      reader.inject(
          SimFault.reads(onDisk(reader, 2 * MIB + 4096, 512), IoFailure.MEDIUM).healedByRewrite());
      assertThat(read(mirror, 0, 4 * MIB)).isEqualTo(bytes(7, 4 * MIB));
      assertThat(events.stream().filter(ArrayEvent.ReadErrorCorrected.class::isInstance))
          .hasSize(1);
      inSync(mirror, disks.get(0), disks.get(1));
      assertThat(
              member(mirror, disks.get(0)).readErrors() + member(mirror, disks.get(1)).readErrors())
          .isEqualTo(1);
    }
    List<SimDisk> after = reopen(disks);
    assertThat(
            superblock(after.get(0)).cntCorrectedRead()
                + superblock(after.get(1)).cntCorrectedRead())
        .isEqualTo(1);
  }

  @Test
  void bothMembersMayBeBadAtDifferentPlacesOfOneRead() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 7, 4 * MIB);
      for (int i = 0; i < 2; i++) {
        for (long at = i * 65536L; at < 4 * MIB; at += 131_072) {
          disks
              .get(i)
              .inject(
                  SimFault.reads(onDisk(disks.get(i), at, 512), IoFailure.MEDIUM)
                      .healedByRewrite());
        }
      }
      assertThat(read(mirror, 0, 4 * MIB)).isEqualTo(bytes(7, 4 * MIB));
      inSync(mirror, disks.get(0), disks.get(1));
    }
  }

  @Test
  void aMemberThatCannotBeMendedIsFailed() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 7, 4096);
      SimDisk reader = ArrayRig.readerOf(mirror, disks, 0);
      reader.inject(SimFault.reads(onDisk(reader, 0, 512), IoFailure.MEDIUM));
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(7, 4096));
      faulty(mirror, reader);
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(7, 4096));
    }
  }

  @Test
  void aMemberThatCouldNotBeMendedGetsTheSectorWhenItComesBack() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 7, 4096);
      mirror.flush();
      mirror.array().clearIdleBits();
      assertThat(mirror.array().status().dirtyChunks()).isZero();
      SimDisk bad = ArrayRig.readerOf(mirror, disks, 0);
      SectorRange sector = onDisk(bad, 0, 512);
      bad.corrupt(sector.startBytes(), bytes(0xbb, 512));
      bad.inject(SimFault.reads(sector, IoFailure.MEDIUM));
      bad.inject(SimFault.writes(sector, IoFailure.MEDIUM));
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(7, 4096));
      faulty(mirror, bad);
      bad.heal();
      mirror.array().members().reAdd(bad.name());
      awaitInSync(mirror);
      inSync(mirror, disks.get(0), disks.get(1));
      assertEqualData(disks.get(0), disks.get(1));
    }
  }

  @Test
  void whatNoMemberCanReadIsAnErrorForTheClientAndNobodyIsFailed() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 7, MIB);
      for (SimDisk disk : disks) {
        disk.inject(SimFault.reads(onDisk(disk, 8192, 512), IoFailure.MEDIUM).healedByRewrite());
      }
      assertThatThrownBy(() -> read(mirror, 0, MIB)).isInstanceOf(DeviceException.class);
      inSync(mirror, disks.get(0), disks.get(1));
      assertThat(read(mirror, 0, 8192)).isEqualTo(bytes(7, 8192));
      write(mirror, 8192, 8, 512);
      assertThat(read(mirror, 8192, 1024)).startsWith(bytes(8, 512)).endsWith(bytes(7, 512));
    }
  }

  @Test
  void aMemberWithTooManyReadErrorsIsFailed() throws Exception {
    List<SimDisk> disks = newDisks(2);
    ArrayOptions options = ArrayOptions.DEFAULT.withMaxReadErrors(3);
    try (LocalMirror mirror = assemble(options, disks)) {
      write(mirror, 0, 7, MIB);
      SimDisk reader = ArrayRig.readerOf(mirror, disks, 0);
      for (int i = 0; i < 4; i++) {
        inSync(mirror, disks.get(0), disks.get(1));
        reader.inject(
            SimFault.reads(onDisk(reader, i * 4096L, 512), IoFailure.MEDIUM).healedByRewrite());
        assertThat(read(mirror, i * 4096L, 512)).isEqualTo(bytes(7, 512));
      }
      faulty(mirror, reader);
    }
  }

  // ---- writes and flushes

  @Test
  void aMemberThatCannotBeWrittenIsFailedBeforeTheWriteIsAcknowledged() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      disks.get(1).inject(SimFault.writes(onDisk(disks.get(1), 0, 4096), IoFailure.MEDIUM).once());
      write(mirror, 0, 7, 4096);
      faulty(mirror, disks.get(1));
      assertThat(superblock(disks.get(0)).roleOf(1)).isEqualTo(Superblock.ROLE_FAULTY);
      assertThat(superblock(disks.get(1)).events()).isLessThan(superblock(disks.get(0)).events());
      mirror.array().members().reAdd("disk1");
      awaitInSync(mirror);
      inSync(mirror, disks.get(0), disks.get(1));
      assertEqualData(disks.get(0), disks.get(1));
    }
  }

  @Test
  void aWriteThatNoMemberTakesIsTheClientsErrorAndItsChunkIsMadeEqualAgain() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      List<ArrayEvent> events = record(mirror);
      write(mirror, 0, 1, 4096);
      awaitInSync(mirror);
      disks
          .get(0)
          .inject(SimFault.writes(onDisk(disks.get(0), 512, 512), IoFailure.NO_SPACE).once());
      disks
          .get(1)
          .inject(SimFault.writes(onDisk(disks.get(1), 1024, 512), IoFailure.NO_SPACE).once());
      assertThatThrownBy(() -> write(mirror, 0, 2, 4096))
          .isInstanceOfSatisfying(
              DeviceException.class, e -> assertThat(e.failure()).isEqualTo(IoFailure.NO_SPACE));
      inSync(mirror, disks.get(0), disks.get(1));
      assertThat(List.copyOf(events)).anyMatch(ArrayEvent.WriteFailed.class::isInstance);
      awaitInSync(mirror);
      assertEqualData(disks.get(0), disks.get(1));
      assertThat(mirror.array().status().neededChunks()).isZero();
    }
  }

  @Test
  void aFullFileSystemUnderAllMembersFailsWritesAndNoMember() throws Exception {
    List<SimDisk> disks = newDisks(3);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 1, 4096);
      for (SimDisk disk : disks) {
        disk.inject(SimFault.writes(onDisk(disk, 0, 7 * MIB), IoFailure.NO_SPACE));
      }
      for (int i = 0; i < 20; i++) {
        long at = i * 65536L;
        assertThatThrownBy(() -> write(mirror, at, 2, 4096)).isInstanceOf(DeviceException.class);
      }
      disks.forEach(SimDisk::heal);
      write(mirror, 0, 3, 4096);
      assertThat(mirror.array().status().members())
          .filteredOn(m -> m.state() instanceof MemberState.InSync)
          .isNotEmpty();
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(3, 4096));
    }
  }

  @Test
  void aFailedFlushFailsTheMemberAndIsNotTriedAgain() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 1, 4096);
      disks.get(1).inject(SimFault.flushes(IoFailure.MEDIUM).once());
      long before = disks.get(1).count(SimOperation.Kind.FLUSH);
      mirror.flush();
      assertThat(disks.get(1).count(SimOperation.Kind.FLUSH)).isEqualTo(before + 1);
      faulty(mirror, disks.get(1));
    }
  }

  @Test
  void afterAFlushThatFailedEverywhereNoBitIsClearedAndTheArrayIsNotClean() throws Exception {
    for (BitmapKind kind : new BitmapKind[] {BitmapKind.INTERNAL, BitmapKind.NONE}) {
      List<SimDisk> disks = disks(2);
      createArray(kind, disks);
      try (LocalMirror mirror = assemble(disks)) {
        write(mirror, 0, 1, 4096);
        for (SimDisk disk : disks) {
          disk.inject(SimFault.flushes(IoFailure.MEDIUM).once());
        }
        assertThatThrownBy(mirror::flush).isInstanceOf(DeviceException.class);
        inSync(mirror, disks.get(0), disks.get(1));
        mirror.flush();
        mirror.array().clearIdleBits();
        assertThat(mirror.array().status().dirtyChunks()).isEqualTo(1);
      }
      assertThat(superblock(reopen(disks).get(0)).isClean()).isFalse();
    }
  }

  @Test
  void aBitmapPageThatCannotBeWrittenFailsItsMember() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      disks.get(0).inject(SimFault.writes(BITMAP, IoFailure.MEDIUM).once());
      write(mirror, 0, 1, 4096);
      faulty(mirror, disks.get(0));
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(1, 4096));
    }
  }

  @Test
  void aBitmapThatNoMemberTakesFailsTheWriteBeforeAnyDataIsWritten() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      for (SimDisk disk : disks) {
        disk.inject(SimFault.writes(BITMAP, IoFailure.MEDIUM));
      }
      assertThatThrownBy(() -> write(mirror, 0, 1, 4096)).isInstanceOf(DeviceException.class);
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(0, 4096));
      inSync(mirror, disks.get(0), disks.get(1));
      disks.forEach(SimDisk::heal);
      write(mirror, 0, 2, 4096);
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(2, 4096));
    }
  }

  @Test
  void aSuperblockThatCannotBeWrittenFailsItsMemberInTheSameChange() throws Exception {
    List<SimDisk> disks = newDisks(3);
    try (LocalMirror mirror = assemble(disks)) {
      disks.get(1).inject(SimFault.writes(SUPERBLOCK, IoFailure.MEDIUM));
      mirror.array().members().fail("disk0");
      faulty(mirror, disks.get(0));
      faulty(mirror, disks.get(1));
      inSync(mirror, disks.get(2));
      assertThat(superblock(disks.get(2)).roleOf(1)).isEqualTo(Superblock.ROLE_FAULTY);
    }
  }

  @Test
  void whileTheLossOfAMemberCannotBeRecordedNothingIsAcknowledged() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      disks.get(0).inject(SimFault.writes(onDisk(disks.get(0), 0, 512), IoFailure.MEDIUM).once());
      disks.get(1).inject(SimFault.writes(SUPERBLOCK, IoFailure.MEDIUM));
      assertThatThrownBy(() -> write(mirror, 0, 1, 512)).hasMessageContaining("recorded");
      assertThatThrownBy(() -> write(mirror, 65536, 1, 512)).hasMessageContaining("recorded");
      disks.get(1).heal();
      write(mirror, 0, 2, 512);
      faulty(mirror, disks.get(0));
      assertThat(read(mirror, 0, 512)).isEqualTo(bytes(2, 512));
    }
  }

  // ---- superblocks

  @Test
  void aChangeThatFailsHalfWayIsTakenBackWithHigherEvents() throws Exception {
    List<SimDisk> disks = newDisks(2);
    SimDisk added = new SimDisk("added", ArrayRig.DISK_BYTES);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.array().members().growMembers(3);
      added.inject(SimFault.writes(SUPERBLOCK, IoFailure.MEDIUM));
      assertThatThrownBy(() -> mirror.array().members().add(added, false))
          .hasMessageContaining("superblocks cannot be written");
      assertThat(mirror.array().status().members()).hasSize(2);
      Superblock now = superblock(disks.get(0));
      assertThat(now.roleOf(2)).isEqualTo(Superblock.ROLE_SPARE);
      assertThat(now.devRoles()).isEqualTo(superblock(disks.get(1)).devRoles());
      assertThat(mirror.array().status().events()).isEqualTo(now.events());
    }
    List<SimDisk> after = reopen(disks);
    try (LocalMirror mirror = assemble(after)) {
      inSync(mirror, after.get(0), after.get(1));
    }
  }

  // ---- interrupts

  @Test
  void anInterruptIsNeverAMembersError() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 1, 4096);
      AtomicInteger interrupts = new AtomicInteger();
      for (SimDisk disk : disks) {
        disk.hook(operation -> {
          boolean mayBe = !Thread.currentThread().isInterrupted();
          if (mayBe
              && Thread.currentThread().getName().equals("client")
              && interrupts.incrementAndGet() % 3 == 1) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("just before " + operation);
          }
        });
        disk.inject(SimFault.reads(onDisk(disk, 8192, 512), IoFailure.MEDIUM).healedByRewrite());
        asClient(() -> {
          write(mirror, 0, 2, 4096);
          Thread.interrupted();
          mirror.device().write(4096, ArrayRig.filled(3, 4096), WriteOption.ONLY_DURABLE);
          Thread.interrupted();
          readUnlessInterrupted(mirror, 8192);
          Thread.interrupted();
          mirror.flush();
          Thread.interrupted();
        });
        disk.heal();
      }
      assertThat(interrupts.get()).isGreaterThan(4);
      inSync(mirror, disks.get(0), disks.get(1));
      disks.forEach(disk -> disk.hook(_ -> {}));
      assertThat(read(mirror, 0, 8192)).startsWith(bytes(2, 4096)).endsWith(bytes(3, 4096));
    }
  }

  private static void readUnlessInterrupted(LocalMirror mirror, long offset) throws Exception {
    for (int i = 0; i < 10; i++) {
      try {
        assertThat(read(mirror, offset, 512)).isEqualTo(bytes(0, 512));
        return;
      } catch (InterruptedIOException e) {
        Thread.interrupted();
      }
    }
    throw new AssertionError("interrupted again and again");
  }

  @Test
  void aThreadThatIsInterruptedAllTheTimeHarmsNobody() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      AtomicBoolean done = new AtomicBoolean();
      Thread client =
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < 400; i++) {
                  try {
                    write(mirror, (i % 16) * 65536L, i, 4096);
                    mirror.flush();
                    read(mirror, 0, 4096);
                  } catch (InterruptedIOException e) {
                    Thread.interrupted();
                  } catch (Exception e) {
                    throw new AssertionError(e);
                  }
                }
                done.set(true);
              });
      while (client.isAlive()) {
        client.interrupt();
        Thread.onSpinWait();
      }
      client.join();
      assertThat(done).isTrue();
      inSync(mirror, disks.get(0), disks.get(1));
      awaitInSync(mirror);
      assertEqualData(disks.get(0), disks.get(1));
    }
  }

  @Test
  void anArrayIsStoppedCleanlyByAThreadThatIsInterrupted() throws Exception {
    List<SimDisk> disks = newDisks(2);
    LocalMirror mirror = assemble(disks);
    write(mirror, 0, 1, 4096);
    Thread.currentThread().interrupt();
    mirror.close();
    assertThat(Thread.interrupted()).isTrue();
    assertThat(superblock(reopen(disks).get(0)).isClean()).isTrue();
  }

  private interface Work {
    void run() throws Exception;
  }

  private static void asClient(Work work) throws Exception {
    List<Throwable> thrown = new ArrayList<>();
    Thread client =
        Thread.ofPlatform()
            .name("client")
            .start(() -> {
              try {
                work.run();
              } catch (Throwable e) {
                thrown.add(e);
              }
            });
    client.join();
    assertThat(thrown).isEmpty();
  }

  @Test
  void aMemberThatIsBeingFilledIsNeverFresherThanTheOnlyOneInSync() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.sync().pause();
      mirror.array().members().fail("disk1");
      write(mirror, 0, 7, 4096);
      mirror.array().members().reAdd("disk1");
      disks.get(0).inject(SimFault.writes(new SectorRange(8, 16), IoFailure.MEDIUM));
      SimDisk added = new SimDisk("disk2", ArrayRig.DISK_BYTES);
      assertThatThrownBy(() -> mirror.array().members().add(added, false))
          .isInstanceOf(IOException.class);
      disks.forEach(disk -> disk.programDies(new Random(1)));
    } catch (IOException e) {
      // the program has died
    }
    List<SimDisk> after = reopen(disks);
    after.forEach(SimDisk::heal);
    try (LocalMirror mirror = assemble(ArrayOptions.DEFAULT.withRun(true), after)) {
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(7, 4096));
    }
  }
}
