package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.ArrayRig.assemble;
import static io.mirrorctl.core.array.ArrayRig.assertEqualData;
import static io.mirrorctl.core.array.ArrayRig.awaitInSync;
import static io.mirrorctl.core.array.ArrayRig.bytes;
import static io.mirrorctl.core.array.ArrayRig.createArray;
import static io.mirrorctl.core.array.ArrayRig.dataStart;
import static io.mirrorctl.core.array.ArrayRig.disks;
import static io.mirrorctl.core.array.ArrayRig.logBad;
import static io.mirrorctl.core.array.ArrayRig.read;
import static io.mirrorctl.core.array.ArrayRig.record;
import static io.mirrorctl.core.array.ArrayRig.reopen;
import static io.mirrorctl.core.array.ArrayRig.rewrite;
import static io.mirrorctl.core.array.ArrayRig.state;
import static io.mirrorctl.core.array.ArrayRig.superblock;
import static io.mirrorctl.core.array.ArrayRig.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.base.Ticker;
import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BadBlockLog;
import io.mirrorctl.core.format.BadBlockLogRead;
import io.mirrorctl.core.format.BitmapHeaderRead;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Feature;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.resync.SyncSpeed;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Adding, replacing and growing; what a member's own flags and logs ask for. */
class MembersTest {
  private static final int MIB = 1 << 20;
  private static final ArrayOptions FORCE = ArrayOptions.DEFAULT.withForce(true).withRun(true);
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

  private static SimDisk disk(String name) {
    return new SimDisk(name, ArrayRig.DISK_BYTES);
  }

  // ---- recovery

  @ParameterizedTest
  @EnumSource
  void recoveryGoesOnWhereItWasAfterAStopAndAfterACrash(BitmapKind kind) throws Exception {
    for (boolean crash : new boolean[] {true, false}) {
      List<SimDisk> disks = disks(2);
      createArray(kind, disks);
      SimDisk fresh = disk("fresh");
      LocalMirror mirror = assemble(FORCE, disks);
      for (int at = 0; at < 7; at++) {
        write(mirror, (long) at * MIB, at + 1, MIB);
      }
      mirror.array().clearIdleBits();
      mirror.sync().speed(new SyncSpeed(2 * MIB, 2 * MIB));
      mirror.array().members().replace("disk1", fresh, false);
      Awaitility.await().until(() -> superblock(fresh).recoveryOffset() > 2048);
      long offset = superblock(fresh).recoveryOffset();
      assertThat(superblock(fresh).has(Feature.REPLACEMENT)).isTrue();
      List<SimDisk> all = new ArrayList<>(disks);
      all.add(fresh);
      if (crash) {
        all.forEach(disk -> disk.powerCut(new Random(5)));
        assertThatThrownBy(mirror::close).isInstanceOf(IOException.class);
      } else {
        mirror.close();
      }
      List<SimDisk> after = reopen(all);
      assertThat(superblock(after.get(2)).recoveryOffset()).isGreaterThanOrEqualTo(offset);
      after.get(2).clearLog();
      try (LocalMirror again = assemble(FORCE, after)) {
        awaitInSync(again);
        assertThat(state(again, after.get(2))).isInstanceOf(MemberState.InSync.class);
        assertThat(state(again, after.get(1))).isInstanceOf(MemberState.Faulty.class);
        assertEqualData(after.get(0), after.get(2));
        if (kind != BitmapKind.NONE || !crash) {
          long start = dataStart(after.get(0));
          long from = start + offset * 512 / MIB * MIB;
          assertThat(after.get(2).log())
              .extracting(SimOperation.Logged::operation)
              .filteredOn(o -> o.kind() == SimOperation.Kind.WRITE)
              .filteredOn(o -> o.offset() >= start)
              .allMatch(o -> o.offset() >= from);
        }
      }
    }
  }

  @Test
  void noSuperblockSaysThatAllIsCopiedBeforeItIsFlushedAndTheMemberInSync() throws Exception {
    List<SimDisk> disks = newDisks(2);
    SimDisk fresh = disk("fresh");
    long size = superblock(disks.get(0)).size();
    Env system = Env.system();
    AtomicLong hours = new AtomicLong(); // a checkpoint is due after every batch
    Env env =
        new Env(
            new Ticker() {
              @Override
              public long read() {
                return TimeUnit.HOURS.toNanos(hours.incrementAndGet());
              }
            },
            system.wallClock(),
            system.random(),
            system.io(),
            system.timer());
    try (LocalMirror mirror = LocalMirror.assemble("test", disks, ArrayOptions.DEFAULT, env)) {
      for (int at = 0; at < 6; at++) {
        write(mirror, (long) at * MIB, at + 1, MIB);
      }
      mirror.sync().pause();
      mirror.array().members().replace("disk1", fresh, false);
      List<Long> offsets = Collections.synchronizedList(new ArrayList<>());
      fresh.hook(operation -> {
        if (operation.kind() == SimOperation.Kind.FLUSH) {
          Superblock superblock = superblock(fresh);
          if (superblock.has(Feature.RECOVERY_OFFSET)) {
            offsets.add(superblock.recoveryOffset());
          }
        }
      });
      mirror.sync().resume();
      awaitInSync(mirror);
      assertThat(state(mirror, fresh)).isInstanceOf(MemberState.InSync.class);
      assertThat(offsets).anyMatch(offset -> offset > 0).allMatch(offset -> offset < size);
    }
  }

  @Test
  void aReplacementTakesTheRoleOverWhenItHoldsEverything() throws Exception {
    List<SimDisk> disks = newDisks(2);
    SimDisk fresh = disk("fresh");
    try (LocalMirror mirror = assemble(disks)) {
      List<ArrayEvent> events = record(mirror);
      write(mirror, 3 * MIB, 5, 4096);
      mirror.array().members().replace("disk0", fresh, false);
      awaitInSync(mirror);
      assertThat(state(mirror, disks.get(0))).isEqualTo(new MemberState.Faulty("replaced"));
      assertThat(mirror.array().status().degraded()).isFalse();
      assertThat(List.copyOf(events))
          .contains(new ArrayEvent.MemberAdded("fresh"), new ArrayEvent.MemberInSync("fresh"));
      assertEqualData(disks.get(1), fresh);
      mirror.array().members().remove("disk0");
    }
    List<SimDisk> after = List.of(disks.get(1).reopen(), fresh.reopen());
    assertThat(superblock(after.get(1)).role()).isZero();
    try (LocalMirror mirror = assemble(after)) {
      assertThat(mirror.array().status().degraded()).isFalse();
    }
  }

  @Test
  void aReplacementGoesOnWhenTheOldMemberFails() throws Exception {
    List<SimDisk> disks = newDisks(2);
    SimDisk fresh = disk("fresh");
    try (LocalMirror mirror = assemble(disks)) {
      for (int at = 0; at < 6; at++) {
        write(mirror, (long) at * MIB, at + 1, MIB);
      }
      mirror.sync().pause();
      mirror.array().members().replace("disk1", fresh, false);
      mirror.array().members().fail("disk1");
      mirror.sync().resume();
      awaitInSync(mirror);
      assertThat(state(mirror, fresh)).isInstanceOf(MemberState.InSync.class);
      assertThat(mirror.array().status().degraded()).isFalse();
      assertEqualData(disks.get(0), fresh);
    }
  }

  @Test
  void twoDisksAddedAtOnceGetNumbersOfTheirOwn() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      List<Future<?>> adds = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        SimDisk added = disk("added" + i);
        adds.add(
            clients.submit(() -> {
              mirror.array().members().add(added, false);
              return null;
            }));
      }
      for (Future<?> add : adds) {
        add.get();
      }
      assertThat(mirror.array().status().members())
          .extracting(ArrayStatus.MemberStatus::devNumber)
          .doesNotHaveDuplicates()
          .hasSize(6);
    }
  }

  @Test
  void aDiskThatHoldsSomethingIsAddedOnlyByForce() throws Exception {
    List<SimDisk> disks = newDisks(2);
    List<SimDisk> others = List.of(disk("other0"), disk("other1"));
    createArray(BitmapKind.INTERNAL, others);
    try (LocalMirror mirror = assemble(disks)) {
      assertThatThrownBy(() -> mirror.array().members().add(others.get(1), false))
          .isInstanceOfSatisfying(
              ArrayException.class,
              e -> assertThat(e.reason()).isEqualTo(ArrayException.Reason.PROTECTED));
      assertThatThrownBy(() -> mirror.array().members().add(new SimDisk("s", 2 * MIB), false))
          .hasMessageContaining("too small");
      assertThatThrownBy(() ->
              mirror.array().members().add(new SimDisk("big", ArrayRig.DISK_BYTES, 4096), false))
          .hasMessageContaining("sectors of 4096");
    }
  }

  @Test
  void aMemberThatIsGivenToAClusteredArrayGetsAllItsSlotsAndNoBadBlockLog() throws Exception {
    List<SimDisk> disks = disks(2);
    createArray(BitmapKind.CLUSTERED, disks);
    for (SimDisk disk : disks) { // as mdadm --add leaves it, over slot 1
      rewrite(disk, s -> s.bblogSize(8).bblogOffset(16));
    }
    SimDisk fresh = disk("fresh");
    try (LocalMirror mirror = assemble(FORCE, disks)) {
      mirror.array().members().replace("disk0", fresh, false);
      awaitInSync(mirror);
    }
    MemberMetadata metadata = MemberMetadata.read(fresh.reopen());
    assertThat(metadata.bitmapHeaders())
        .hasSize(4)
        .allMatch(BitmapHeaderRead.Valid.class::isInstance);
    assertThat(superblock(fresh.reopen()).bblogSize()).isZero();
  }

  @Test
  void aKernelsSpareGetsItsSlotsWhenItIsFilled() throws Exception {
    List<SimDisk> disks = disks(3);
    createArray(BitmapKind.CLUSTERED, disks.subList(0, 2), disks.get(2));
    disks.get(2).corrupt(8192 + 2 * 4096, bytes(0xee, 8192));
    try (LocalMirror mirror = assemble(FORCE, disks)) {
      mirror.array().members().fail("disk0");
      awaitInSync(mirror);
    }
    assertThat(MemberMetadata.read(disks.get(2).reopen()).bitmapHeaders())
        .hasSize(4)
        .allMatch(BitmapHeaderRead.Valid.class::isInstance);
  }

  @Test
  void aDiskThatWasAwayWhenTheBitmapWasMadeDoesNotLoseItsSuperblock() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.array().members().fail("disk1");
      mirror.array().members().remove("disk1");
      SimDisk back = disks.get(1).reopen();
      rewrite(back, s -> s.without(Feature.BITMAP_OFFSET).bitmapOffset(0));
      mirror.array().members().reAdd(back);
      awaitInSync(mirror);
      write(mirror, 0, 1, 4096);
      mirror.array().clearIdleBits();
      assertThat(state(mirror, back)).isInstanceOf(MemberState.InSync.class);
    }
    SimDisk after = disks.get(1).reopen();
    assertThat(superblock(after).bitmapOffset()).isEqualTo(8);
    assertThat(MemberMetadata.read(after).bitmapHeaders().getFirst())
        .isInstanceOf(BitmapHeaderRead.Valid.class);
  }

  // ---- growing

  @Test
  void aNewRoleIsTakenByASpareAndByTheNextDisk() throws Exception {
    List<SimDisk> disks = disks(3);
    createArray(BitmapKind.INTERNAL, disks.subList(0, 2), disks.get(2));
    SimDisk fourth = disk("fourth");
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, MIB, 3, 4096);
      mirror.array().members().growMembers(4);
      mirror.array().members().add(fourth, false);
      awaitInSync(mirror);
      assertThat(mirror.array().status().degraded()).isFalse();
      assertEqualData(disks.get(0), disks.get(1), disks.get(2), fourth);
      assertThatThrownBy(() -> mirror.array().members().growMembers(2))
          .hasMessageContaining("fail and remove 2");
      mirror.array().members().fail("disk0");
      mirror.array().members().growMembers(3);
      assertThat(mirror.array().status().degraded()).isFalse();
    }
    List<SimDisk> after = reopen(List.of(disks.get(1), disks.get(2), fourth));
    try (LocalMirror mirror = assemble(after)) {
      assertThat(mirror.array().status().raidDisks()).isEqualTo(3);
      assertThat(mirror.array().status().degraded()).isFalse();
    }
  }

  @ParameterizedTest
  @EnumSource
  void theArrayGrowsAndShrinksUnderWritesAndIsMadeEqual(BitmapKind kind) throws Exception {
    List<SimDisk> disks = disks(2);
    createArray(kind, disks);
    long full = superblock(disks.get(0)).size();
    for (SimDisk disk : disks) { // where nothing was ever equal
      disk.corrupt(dataStart(disk) + 5 * MIB, bytes(disk.name().hashCode(), MIB));
    }
    List<SimDisk> after = disks;
    try (LocalMirror mirror = assemble(FORCE, disks)) {
      mirror.array().members().growSize(3 * 2048, true);
      AtomicBoolean done = new AtomicBoolean();
      List<Future<?>> writers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        Random random = new Random(i);
        writers.add(
            clients.submit(() -> {
              while (!done.get()) {
                try {
                  mirror
                      .device()
                      .write(random.nextInt(7 * MIB), ArrayRig.filled(7, 5000), WriteOption.NONE);
                } catch (DeviceException e) {
                  assertThat(e.failure()).isEqualTo(IoFailure.INVALID);
                }
              }
              return null;
            }));
      }
      for (int round = 0; round < 6; round++) {
        mirror.array().members().growSize(full, false);
        assertThat(mirror.sizeBytes()).isEqualTo(full * 512);
        mirror.array().members().growSize(2 * 2048 + round * 2, true);
        mirror.array().clearIdleBits();
      }
      mirror.array().members().growSize(full, false);
      done.set(true);
      for (Future<?> writer : writers) {
        writer.get();
      }
      awaitInSync(mirror);
      assertThat(mirror.array().status().degraded()).isFalse();
      assertThatThrownBy(() -> mirror.array().members().growSize(full + 8, false))
          .hasMessageContaining("do not fit");
    }
    after = reopen(after);
    assertEqualData(after.get(0), after.get(1));
    try (LocalMirror mirror = assemble(FORCE, after)) {
      assertThat(mirror.sizeBytes()).isEqualTo(full * 512);
      assertThat(mirror.sync().isIdle()).isTrue();
    }
  }

  @Test
  void anArrayThatShrinksWhileAMemberIsFilledCanBeAssembledAgain() throws Exception {
    List<SimDisk> disks = newDisks(2);
    SimDisk fresh = disk("fresh");
    List<SimDisk> all = List.of(disks.get(0), disks.get(1), fresh);
    try (LocalMirror mirror = assemble(disks)) {
      for (int at = 0; at < 6; at++) {
        write(mirror, (long) at * MIB, at + 1, MIB);
      }
      mirror.sync().speed(new SyncSpeed(2 * MIB, 2 * MIB));
      mirror.array().members().replace("disk1", fresh, false);
      Awaitility.await().until(() -> superblock(fresh).recoveryOffset() > 2048);
      mirror.sync().pause();
      mirror.array().members().growSize(2048, true);
    }
    List<SimDisk> after = reopen(all);
    try (LocalMirror mirror = assemble(after)) {
      awaitInSync(mirror);
      assertEqualData(after.get(0), after.get(2));
    }
  }

  @Test
  void devicesThatHaveGrownGiveTheArrayMoreRoomAlsoAfterARestart() throws Exception {
    List<SimDisk> disks = newDisks(2);
    List<GrowingDisk> growing = disks.stream().map(GrowingDisk::new).toList();
    long size;
    try (LocalMirror mirror = assemble(growing)) {
      long before = mirror.array().members().largestSize();
      growing.forEach(GrowingDisk::grow);
      size = mirror.array().members().largestSize();
      assertThat(size).isEqualTo(before + 4096);
      mirror.array().members().growSize(size, false);
      write(mirror, before * 512, 9, 4096);
      awaitInSync(mirror);
    }
    List<GrowingDisk> after = growing.stream().map(GrowingDisk::reopen).toList();
    try (LocalMirror mirror = assemble(after)) {
      assertThat(mirror.sizeBytes()).isEqualTo(size * 512);
      assertThat(read(mirror, (size - 4096) * 512, 4096)).isEqualTo(bytes(9, 4096));
    }
  }

  // ---- bad blocks

  @Test
  void sectorsInTheBadBlockLogAreReadElsewhereAndAWriteMakesThemGood() throws Exception {
    List<SimDisk> disks = newDisks(2);
    long start = dataStart(disks.get(0));
    SectorRange bad = SectorRange.coveringBytes(start + 65536, 8192);
    for (SimDisk disk : disks) {
      disk.corrupt(start + 65536, bytes(7, 8192));
    }
    SimDisk sick = disks.get(0);
    sick.corrupt(start + 65536, bytes(0xbb, 8192));
    logBad(sick, bad);
    try (LocalMirror mirror = assemble(disks)) {
      assertThat(read(mirror, 65536, 8192)).isEqualTo(bytes(7, 8192));
      byte[] expected = new byte[MIB];
      System.arraycopy(bytes(7, 8192), 0, expected, 65536, 8192);
      assertThat(Arrays.equals(read(mirror, 0, MIB), expected)).isTrue();
      assertThat(mirror.sync().scrub(new Scrubbing.Correction.Off()).get().mismatches()).isEmpty();
      write(mirror, 65536, 8, 4096);
      assertThat(read(mirror, 65536, 8192)).startsWith(bytes(8, 4096)).endsWith(bytes(7, 4096));
    }
    SimDisk after = sick.reopen();
    assertThat(MemberMetadata.read(after).badBlockLog())
        .isEqualTo(
            new BadBlockLogRead.Valid(
                BadBlockLog.of(List.of(SectorRange.coveringBytes(start + 69632, 4096)))));
    try (LocalMirror mirror = assemble(List.of(after, disks.get(1).reopen()))) {
      mirror.array().members().fail("disk1");
      assertThatThrownBy(() -> read(mirror, 69632, 512)).hasMessageContaining("bad-block log");
      write(mirror, 69632, 9, 4096);
      assertThat(read(mirror, 69632, 512)).isEqualTo(bytes(9, 512));
    }
    assertThat(superblock(after.reopen()).has(Feature.BAD_BLOCKS)).isFalse();
  }

  @Test
  void theLogForgetsSectorsOnlyWhenTheirNewContentIsDurable() throws Exception {
    List<SimDisk> disks = newDisks(2);
    SimDisk sick = disks.get(0);
    long start = dataStart(sick);
    logBad(sick, SectorRange.coveringBytes(start, 4096));
    sick.corrupt(start, bytes(0xbb, 4096));
    LocalMirror mirror = assemble(disks);
    write(mirror, 0, 5, 4096);
    mirror.array().members().growMembers(3); // writes superblocks
    disks.forEach(disk -> disk.powerCut(new RestartingDisk.AllLost()));
    assertThatThrownBy(mirror::close).isInstanceOf(IOException.class);
    SimDisk after = sick.reopen();
    boolean stillBad =
        MemberMetadata.read(after).badBlockLog() instanceof BadBlockLogRead.Valid valid
            && !valid.log().isEmpty();
    assertThat(stillBad || after.peek(start, 1)[0] == 5).isTrue();
  }

  // ---- reading and stopping

  @Test
  void chunksThatAwaitResyncAreReadFromOneMemberAlsoWhenReadsTakeTurns() throws Exception {
    List<SimDisk> disks = newDisks(2);
    for (SimDisk disk : disks) { // chunk 3 is dirty, and differs
      byte[] page = disk.peek(8192, 4096);
      page[256] = 1 << 3;
      disk.corrupt(8192, page);
      disk.corrupt(dataStart(disk) + 3 * ArrayRig.CHUNK, bytes(disk.name().hashCode(), 512));
    }
    ArrayOptions options =
        ArrayOptions.DEFAULT.withReadOnly(true).withReadPolicy(ReadPolicy.BALANCED);
    try (LocalMirror mirror = assemble(options, disks)) {
      byte[] first = read(mirror, 0, (int) (4 * ArrayRig.CHUNK));
      for (int i = 0; i < 20; i++) {
        assertThat(Arrays.equals(read(mirror, 0, first.length), first)).isTrue();
      }
      disks.forEach(SimDisk::clearLog);
      for (int i = 0; i < 20; i++) {
        read(mirror, 5 * MIB, 4096);
      }
      assertThat(disks).allMatch(disk -> disk.count(SimOperation.Kind.READ) > 3);
    }
  }

  @Test
  void aDegradedArrayIsFlushedWhenItIsStopped() throws Exception {
    List<SimDisk> disks = disks(3);
    createArray(BitmapKind.NONE, disks);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.array().members().fail("disk2");
      write(mirror, 0, 1, MIB);
    }
    assertThat(superblock(disks.get(0).reopen()).isClean()).isTrue();
    assertThat(disks.get(0).unflushedSectors()).isZero();
    assertThat(disks.get(1).unflushedSectors()).isZero();
  }

  // ---- what members can do

  @Test
  void aDiscardIsOfferedOnlyIfEveryMemberThenReadsAsZeroes() throws Exception {
    List<SimDisk> disks = newDisks(2);
    disks.get(1).features(EnumSet.of(DeviceFeature.DISCARD));
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 1, 65536);
      assertThat(mirror.device().features()).doesNotContain(DeviceFeature.DISCARD);
      mirror.device().discard(0, 65536, WriteOption.NONE);
      assertThat(read(mirror, 0, 65536)).isEqualTo(bytes(1, 65536));
      disks.get(1).features(EnumSet.of(DeviceFeature.DISCARD, DeviceFeature.DISCARD_ZEROES));
      assertThat(mirror.device().features()).contains(DeviceFeature.DISCARD_ZEROES);
      mirror.device().discard(1000, 60_000, WriteOption.NONE);
      assertThat(read(mirror, 1000, 60_000)).isEqualTo(bytes(0, 60_000));
      assertEqualData(disks.get(0), disks.get(1));
    }
  }

  @Test
  void namesThatDoNotFitAreRefusedBeforeAnythingIsWritten() {
    for (String name : new String[] {"n".repeat(32), "ü".repeat(16)}) {
      assertThatThrownBy(() ->
              ArrayCreation.plan(
                  new ArrayCreation.Request(
                      name,
                      disks(2),
                      List.of(),
                      List.of(),
                      BitmapKind.NONE,
                      0,
                      "",
                      0,
                      0,
                      true,
                      false),
                  Env.system()))
          .isInstanceOf(ArrayException.class)
          .hasMessageContaining("more than 31");
    }
  }

  @Test
  void theArrayEndsWithAWholeSectorOfEveryMember() throws Exception {
    List<SimDisk> mixed =
        List.of(
            new SimDisk("disk0", ArrayRig.DISK_BYTES - 1024, 512),
            new SimDisk("disk1", ArrayRig.DISK_BYTES, 4096));
    createArray(BitmapKind.INTERNAL, mixed);
    assertThat(superblock(mixed.get(0)).size() % 8).isZero();
    try (LocalMirror mirror = assemble(mixed)) {
      write(mirror, mirror.sizeBytes() - 100, 3, 100);
      assertThat(read(mirror, mirror.sizeBytes() - 100, 100)).isEqualTo(bytes(3, 100));
      assertThat(mirror.array().status().degraded()).isFalse();
    }
  }
}
