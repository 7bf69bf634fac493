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
import static io.mirrorctl.core.array.ArrayRig.rewrite;
import static io.mirrorctl.core.array.ArrayRig.state;
import static io.mirrorctl.core.array.ArrayRig.superblock;
import static io.mirrorctl.core.array.ArrayRig.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.util.concurrent.Uninterruptibles;
import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimFault;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapHeaderCodec;
import io.mirrorctl.core.format.BitmapHeaderRead;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Feature;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.SlotImage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Which disks are taken for members, and which bits for true. */
class AssemblyTest {
  private static final ArrayOptions RUN = ArrayOptions.DEFAULT.withRun(true);
  private static final ArrayOptions FORCE = RUN.withForce(true);
  private static final int MIB = 1 << 20;

  private static List<SimDisk> newDisks(BitmapKind kind, int count) throws IOException {
    List<SimDisk> disks = disks(count);
    createArray(kind, disks);
    return disks;
  }

  private static void refused(ArrayException.Reason reason, String what, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(ArrayException.class, e -> assertThat(e.reason()).isEqualTo(reason))
        .hasMessageContaining(what);
  }

  /** Closes what a refused assembly has closed already, for another look. */
  private static List<SimDisk> again(List<SimDisk> disks) throws IOException {
    for (SimDisk disk : disks) {
      disk.close();
    }
    return reopen(disks);
  }

  private static BitmapHeader header(SimDisk disk, int slot) throws IOException {
    return ((BitmapHeaderRead.Valid) MemberMetadata.read(disk).bitmapHeaders().get(slot)).header();
  }

  private static void rewriteHeader(
      SimDisk disk, int slot, UnaryOperator<BitmapHeader.Builder> change) throws IOException {
    byte[] sector = disk.peek(8192 + slot * 4096L, 512);
    BitmapHeader changed = change.apply(header(disk, slot).toBuilder()).build();
    BitmapHeaderCodec.encode(changed).get(sector, 0, BitmapHeaderCodec.BYTES);
    disk.corrupt(8192 + slot * 4096L, sector);
  }

  private static void setBit(SimDisk disk, int slot, int chunk) {
    long at = 8192 + slot * 4096L;
    byte[] page = disk.peek(at, 4096);
    page[256 + chunk / 8] |= (byte) (1 << (chunk % 8));
    disk.corrupt(at, page);
  }

  private static SlotImage slot(SimDisk disk, int slot) throws IOException {
    return MemberMetadata.read(disk).readSlot(disk, slot);
  }

  // ---- who is a member

  @Test
  void aMemberThatMissedAChangeIsLeftOutAndItsDataIsNotRead() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.INTERNAL, 3);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.array().members().fail("disk1");
      write(mirror, 0, 9, 4 * MIB);
    }
    List<SimDisk> after = reopen(disks);
    try (LocalMirror mirror = assemble(after)) {
      assertThat(state(mirror, after.get(1))).isInstanceOf(MemberState.Faulty.class);
      assertThat(mirror.array().notices()).anyMatch(n -> n.contains("disk1: stale"));
      assertThat(read(mirror, 0, 4 * MIB)).isEqualTo(bytes(9, 4 * MIB));
    }
  }

  @Test
  void aMissingMemberNeedsRun() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.INTERNAL, 2);
    refused(ArrayException.Reason.PROTECTED, "--run", () -> assemble(List.of(disks.get(1))));
    disks.get(1).close();
    try (LocalMirror mirror = assemble(RUN, List.of(disks.get(1).reopen()))) {
      assertThat(mirror.array().status().degraded()).isTrue();
      assertThat(mirror.array().notices()).anyMatch(n -> n.contains("started without role 0"));
    }
  }

  @Test
  void twoHalvesThatEachWentOnAloneAreRefusedWhateverTheirEvents() throws Exception {
    for (boolean equalEvents : new boolean[] {true, false}) {
      List<SimDisk> disks = newDisks(BitmapKind.INTERNAL, 2);
      for (int i = 0; i < 2; i++) {
        try (LocalMirror mirror = assemble(RUN, List.of(disks.get(i)))) {
          write(mirror, 0, i + 1, 4096);
          if (!equalEvents && i == 0) {
            mirror.array().members().growMembers(3);
          }
        }
      }
      List<SimDisk> halves = again(disks);
      refused(
          ArrayException.Reason.PROTECTED,
          "went on without the other",
          () -> assemble(RUN, halves));
      List<SimDisk> turned = again(List.of(halves.get(1), halves.get(0)));
      refused(
          ArrayException.Reason.PROTECTED,
          "went on without the other",
          () -> assemble(RUN, turned));
    }
  }

  @Test
  void aHalfThatWentOnAloneIsNotReadded() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.INTERNAL, 2);
    for (int i = 0; i < 2; i++) {
      try (LocalMirror mirror = assemble(RUN, List.of(disks.get(i)))) {
        write(mirror, 0, i + 1, 4096);
      }
    }
    List<SimDisk> after = again(disks);
    try (LocalMirror mirror = assemble(RUN, List.of(after.get(0)))) {
      refused(
          ArrayException.Reason.PROTECTED,
          "newer data",
          () -> mirror.array().members().reAdd(after.get(1)));
      refused(
          ArrayException.Reason.PROTECTED,
          "newer data",
          () -> mirror.array().members().add(after.get(1), false));
    }
  }

  @Test
  void aMemberLeftBehindByAnotherThatWasLeftBehindItselfIsOnlyStale() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.INTERNAL, 3);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.array().members().fail("disk1");
      mirror.array().members().fail("disk0"); // left by disk2, when disk1 was out
      mirror.array().members().reAdd("disk1");
      awaitInSync(mirror);
      mirror.array().members().fail("disk2"); // now disk1 is the array
      write(mirror, 0, 5, 4096);
    }
    List<SimDisk> after = reopen(disks);
    try (LocalMirror mirror = assemble(after)) {
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(5, 4096));
      mirror.array().members().reAdd("disk0");
      mirror.array().members().reAdd("disk2");
      awaitInSync(mirror);
      assertEqualData(after.get(0), after.get(1), after.get(2));
    }
  }

  @Test
  void membersOfDifferentArraysAndCopiesOfOneMemberAreRefused() throws Exception {
    List<SimDisk> one = newDisks(BitmapKind.INTERNAL, 2);
    List<SimDisk> other = newDisks(BitmapKind.INTERNAL, 2);
    refused(
        ArrayException.Reason.FAILED,
        "different arrays",
        () -> assemble(RUN, List.of(one.get(0), other.get(1))));
    SimDisk copy = new SimDisk("copy", ArrayRig.DISK_BYTES);
    copy.corrupt(4096, other.get(0).peek(4096, 4096));
    refused(
        ArrayException.Reason.FAILED,
        "copies of one member",
        () -> assemble(RUN, List.of(other.get(0), copy)));
  }

  @Test
  void aFailedAssemblyClosesItsDisks() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.INTERNAL, 2);
    SimDisk empty = new SimDisk("empty", ArrayRig.DISK_BYTES);
    assertThatThrownBy(() -> assemble(List.of(disks.get(0), disks.get(1), empty)))
        .hasMessageContaining("not a member");
    for (SimDisk disk : List.of(disks.get(0), disks.get(1), empty)) {
      assertThat(disk.reopen()).isNotNull();
    }
  }

  @Test
  void aSpareThatWasGivenARoleAndDidNotHearOfItIsFilled() throws Exception {
    List<SimDisk> disks = disks(3);
    createArray(BitmapKind.INTERNAL, disks.subList(0, 2), disks.get(2));
    byte[] head = disks.get(2).peek(4096, 4096);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 4, 4096);
      mirror.sync().pause();
      mirror.array().members().fail("disk0");
    }
    List<SimDisk> after = reopen(disks);
    after.get(2).corrupt(4096, head);
    long events = superblock(after.get(1)).events();
    rewrite(after.get(2), own -> own.events(events - 1)); // as it was before the last change
    CountDownLatch looked = new CountDownLatch(1);
    long dataStart = dataStart(after.get(2));
    after
        .get(2)
        .hook(operation -> {
          if (operation.kind() == SimOperation.Kind.WRITE && operation.offset() >= dataStart) {
            Uninterruptibles.awaitUninterruptibly(looked);
          }
        });
    try (LocalMirror mirror = assemble(after.subList(1, 3))) {
      MemberState before = state(mirror, after.get(2));
      looked.countDown();
      assertThat(before).isInstanceOf(MemberState.Recovering.class);
      awaitInSync(mirror);
      assertEqualData(after.get(1), after.get(2));
    }
  }

  @Test
  void aDiskThatIsTooSmallForTheGrownArrayIsLeftOut() throws Exception {
    List<SimDisk> disks = disks(3);
    createArray(BitmapKind.INTERNAL, disks.subList(0, 2), disks.get(2));
    rewrite(disks.get(2), s -> s.size(4096).dataSize(4096).dataOffset(12_288));
    try (LocalMirror mirror = assemble(disks)) {
      assertThat(state(mirror, disks.get(2))).isInstanceOf(MemberState.Faulty.class);
      assertThat(mirror.array().notices()).anyMatch(n -> n.contains("no room"));
    }
  }

  // ---- reading only

  @ParameterizedTest
  @EnumSource
  void aReadOnlyArrayWritesNothingWhateverHappens(BitmapKind kind) throws Exception {
    List<SimDisk> disks = newDisks(kind, 3);
    LocalMirror writer = assemble(FORCE, disks);
    write(writer, 0, 6, 4 * MIB);
    writer.flush();
    disks.forEach(disk -> disk.powerCut(new Random(1)));
    assertThatThrownBy(writer::close).isInstanceOf(IOException.class);
    List<SimDisk> after = reopen(disks);
    after.forEach(SimDisk::clearLog);
    try (LocalMirror mirror = assemble(ArrayOptions.DEFAULT.withReadOnly(true), after)) {
      SimDisk reader = ArrayRig.readerOf(mirror, after, 0);
      reader.inject(SimFault.reads(onDisk(reader, 512, 512), IoFailure.MEDIUM).healedByRewrite());
      assertThat(read(mirror, 0, 4 * MIB)).isEqualTo(bytes(6, 4 * MIB));
      reader.inject(SimFault.everything(IoFailure.GONE));
      assertThat(read(mirror, 0, 4 * MIB)).isEqualTo(bytes(6, 4 * MIB));
      assertThat(state(mirror, reader)).isInstanceOf(MemberState.Faulty.class);
      assertThatThrownBy(() -> write(mirror, 0, 1, 512))
          .isInstanceOfSatisfying(
              DeviceException.class, e -> assertThat(e.failure()).isEqualTo(IoFailure.READ_ONLY));
      assertThatThrownBy(() -> mirror.array().members().growSize(2048, true))
          .hasMessageContaining("read-only");
      assertThatThrownBy(
              () -> mirror.array().members().add(new SimDisk("new", ArrayRig.DISK_BYTES), false))
          .hasMessageContaining("read-only");
      mirror.flush();
    }
    for (SimDisk disk : after) {
      assertThat(disk.log())
          .allMatch(logged -> logged.operation().kind() == SimOperation.Kind.READ);
    }
  }

  // ---- which bits count

  @Test
  void aClusteredArrayIsTakenByOneNodeOnlyWithForce() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.CLUSTERED, 2);
    refused(ArrayException.Reason.PROTECTED, "--force", () -> assemble(RUN, disks));
  }

  @Test
  void withForceTheBitsOfAllSlotsAreAdoptedAndTheOthersEmptiedOnlyThen() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.CLUSTERED, 2);
    for (SimDisk disk : disks) {
      setBit(disk, 1, 3);
      setBit(disk, 3, 9);
    }
    disks.get(1).corrupt(dataStart(disks.get(1)) + 3 * ArrayRig.CHUNK, bytes(1, 512));
    disks.get(1).corrupt(dataStart(disks.get(1)) + 9 * ArrayRig.CHUNK + 512, bytes(1, 512));
    try (LocalMirror mirror = assemble(FORCE, disks)) {
      assertThat(slot(disks.get(0), 1).dirtyChunks()).isZero();
      awaitInSync(mirror);
    }
    List<SimDisk> done = reopen(disks);
    assertEqualData(done.get(0), done.get(1));
    for (int slot = 0; slot < 4; slot++) {
      assertThat(slot(done.get(0), slot).dirtyChunks()).isZero();
    }
    assertThat(superblock(done.get(0)).isClean()).isTrue();
  }

  /** From this operation on, of all disks together, everything fails: the program has died. */
  private static AtomicInteger dieAt(int operation, List<SimDisk> disks) {
    AtomicInteger left = new AtomicInteger(operation);
    disks.forEach(disk ->
        disk.hook(_ -> {
          if (left.decrementAndGet() <= 0) {
            throw new DeviceException(IoFailure.GONE, "the program has died");
          }
        }));
    return left;
  }

  /** Assembles without copying a chunk, then cuts the power; empty if it did not get so far. */
  private static Optional<ArrayStatus> assembleAndCut(List<SimDisk> disks) throws IOException {
    List<Unclosable> held = disks.stream().map(Unclosable::new).toList();
    MirrorArray array;
    try {
      array = MirrorArray.assemble("test", held, FORCE, ClusterPort.singleNode(), Env.system());
    } catch (IOException e) {
      cut(disks);
      return Optional.empty();
    }
    cut(disks);
    assertThatThrownBy(array::close).isInstanceOf(IOException.class);
    return Optional.of(array.status());
  }

  /** The cut first: a thread of the dead array must not find its disks alive again. */
  private static void cut(List<SimDisk> disks) {
    disks.forEach(disk -> disk.powerCut(new Random(disks.size())));
    disks.forEach(disk -> disk.hook(_ -> {}));
  }

  @Test
  void aCrashAtAnyMomentOfTheAdoptionKeepsAllBits() throws Exception {
    boolean crashed = true;
    for (int operation = 1; crashed; operation++) {
      List<SimDisk> disks = newDisks(BitmapKind.CLUSTERED, 2);
      for (SimDisk disk : disks) {
        setBit(disk, 1, 3);
        setBit(disk, 2, 70);
      }
      AtomicInteger left = dieAt(operation, disks);
      Optional<ArrayStatus> done = assembleAndCut(disks);
      done.ifPresent(status -> assertThat(status.dirtyChunks()).isEqualTo(2));
      crashed = left.get() <= 0;
      for (SimDisk disk : reopen(disks)) {
        MemberMetadata metadata = MemberMetadata.read(disk);
        List<Long> dirty = new ArrayList<>();
        for (int slot = 0; slot < metadata.bitmapHeaders().size(); slot++) {
          metadata.readSlot(disk, slot).dirtyRanges().forEach(r -> dirty.add(r.first()));
        }
        assertThat(dirty).as("bits after operation %d", operation).contains(3L, 70L);
      }
    }
  }

  @Test
  void aSlotThatNoMemberCanTellMakesEverythingDirty() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.CLUSTERED, 2);
    for (SimDisk disk : disks) {
      disk.corrupt(8192 + 2 * 4096, new byte[512]);
    }
    disks.get(1).corrupt(dataStart(disks.get(1)) + 5 * MIB, bytes(1, 512));
    try (LocalMirror mirror = assemble(FORCE, disks)) {
      awaitInSync(mirror);
      assertEqualData(disks.get(0), disks.get(1));
    }
    assertThat(MemberMetadata.read(reopen(disks).get(1)).bitmapHeaders().get(2))
        .isInstanceOf(BitmapHeaderRead.Valid.class);
  }

  @Test
  void bitsOfASlotThatOnlyOneMemberCanTellCount() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.CLUSTERED, 2);
    disks.get(0).corrupt(8192 + 4096, new byte[512]);
    setBit(disks.get(1), 1, 5);
    try (LocalMirror mirror = assemble(FORCE.withReadOnly(true), disks)) {
      assertThat(mirror.array().status().neededChunks()).isEqualTo(1);
    }
  }

  @Test
  void whatAnyNodeClearedIsClearedForAReAdd() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.CLUSTERED, 3);
    try (LocalMirror mirror = assemble(FORCE, disks)) {
      mirror.array().members().fail("disk2");
    }
    List<SimDisk> after = reopen(disks);
    for (SimDisk disk : after.subList(0, 2)) {
      rewriteHeader(disk, 1, h -> h.eventsCleared(1000));
    }
    // written by node 2 while disk2 was away, and cleared by it
    for (SimDisk disk : after.subList(0, 2)) {
      disk.corrupt(dataStart(disk) + MIB, bytes(8, 512));
    }
    try (LocalMirror mirror = assemble(FORCE, after)) {
      mirror.array().members().reAdd("disk2");
      awaitInSync(mirror);
      assertEqualData(after.get(0), after.get(1), after.get(2));
    }
  }

  @Test
  void aBitmapThatMissedEventsIsNotBelieved() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.INTERNAL, 2);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 1, 4096);
    }
    List<SimDisk> after = reopen(disks);
    for (SimDisk disk : after) {
      rewriteHeader(disk, 0, h -> h.events(1));
    }
    after.get(1).corrupt(dataStart(after.get(1)) + 5 * MIB, bytes(1, 512));
    try (LocalMirror mirror = assemble(after)) {
      assertThat(mirror.array().status().bitmapChunkBytes()).isEqualTo(ArrayRig.CHUNK);
      awaitInSync(mirror);
      assertEqualData(after.get(0), after.get(1));
    }
    assertThat(header(reopen(after).get(0), 0).isStale()).isFalse();
  }

  @Test
  void aBitmapLostIsNotTakenForACleanOneAfterACrashWhileItIsRewritten() throws Exception {
    boolean crashed = true;
    for (int operation = 1; crashed; operation++) {
      List<SimDisk> disks = newDisks(BitmapKind.INTERNAL, 2);
      for (SimDisk disk : disks) {
        rewriteHeader(disk, 0, h -> h.state(BitmapHeader.STATE_STALE));
      }
      disks.get(1).corrupt(dataStart(disks.get(1)) + 5 * MIB, bytes(1, 512));
      AtomicInteger left = dieAt(operation, disks);
      assembleAndCut(disks);
      crashed = left.get() <= 0;
      List<SimDisk> after = reopen(disks);
      try (LocalMirror mirror = assemble(RUN, after)) {
        awaitInSync(mirror);
        assertEqualData(after.get(0), after.get(1));
      }
    }
  }

  @Test
  void aBitmapOfANewerKindIsNotOverwritten() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.INTERNAL, 2);
    for (SimDisk disk : disks) {
      rewriteHeader(disk, 0, h -> h.version(6));
    }
    refused(ArrayException.Reason.FAILED, "version 6", () -> assemble(disks));
    try (LocalMirror mirror = assemble(ArrayOptions.DEFAULT.withReadOnly(true), again(disks))) {
      assertThat(read(mirror, 0, 512)).isEqualTo(bytes(0, 512));
    }
  }

  @Test
  void bitsOfAMemberThatIsBeingFilledMeanNothing() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.INTERNAL, 2);
    rewrite(disks.get(1), s -> s.with(Feature.RECOVERY_OFFSET).recoveryOffset(1024));
    setBit(disks.get(1), 0, 77);
    try (LocalMirror mirror = assemble(ArrayOptions.DEFAULT.withReadOnly(true), disks)) {
      assertThat(state(mirror, disks.get(1))).isInstanceOf(MemberState.Recovering.class);
      assertThat(mirror.array().status().neededChunks()).isZero();
    }
  }

  @Test
  void setBitsCountWhateverResyncOffsetSays() throws Exception {
    List<SimDisk> disks = newDisks(BitmapKind.INTERNAL, 2);
    assertThat(superblock(disks.get(0)).isClean()).isTrue();
    for (SimDisk disk : disks) {
      setBit(disk, 0, 40);
    }
    disks.get(1).corrupt(dataStart(disks.get(1)) + 40 * ArrayRig.CHUNK, bytes(1, 512));
    try (LocalMirror mirror = assemble(disks)) {
      awaitInSync(mirror);
      assertEqualData(disks.get(0), disks.get(1));
    }
  }

  @Test
  void resyncOffsetIsZeroAndDurableBeforeTheFirstBitIsSet() throws Exception {
    for (BitmapKind kind : BitmapKind.values()) {
      List<SimDisk> disks = newDisks(kind, 2);
      LocalMirror mirror = assemble(FORCE, disks);
      disks.forEach(disk -> disk.powerCut(new Random(3)));
      for (SimDisk disk : reopen(disks)) {
        assertThat(superblock(disk).resyncOffset()).isZero();
      }
      assertThatThrownBy(mirror::close).isInstanceOf(IOException.class);
    }
  }

  @Test
  void arraysWithSectorsOf512AreServedOnDisksWithSectorsOf4096() throws Exception {
    List<SimDisk> disks =
        List.of(
            new SimDisk("disk0", ArrayRig.DISK_BYTES, 4096),
            new SimDisk("disk1", ArrayRig.DISK_BYTES, 4096));
    createArray(BitmapKind.INTERNAL, disks);
    long odd = superblock(disks.get(0)).size() - 6;
    for (SimDisk disk : disks) {
      rewrite(disk, s -> s.size(odd));
      rewriteHeader512(disk, odd);
      setBit(disk, 0, 0);
      setBit(disk, 0, 111);
    }
    long last = (odd - 1) * 512;
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, last, 7, 512);
      assertThat(read(mirror, last, 512)).isEqualTo(bytes(7, 512));
      awaitInSync(mirror);
      var report = mirror.sync().scrub(new Scrubbing.Correction.Off()).get();
      assertThat(report.complete()).isTrue();
      assertThat(report.mismatches()).isEmpty();
      assertThat(mirror.array().status().degraded()).isFalse();
    }
    assertEqualData(reopen(disks).get(0), reopen(disks).get(1));
  }

  private static void rewriteHeader512(SimDisk disk, long size) throws IOException {
    byte[] page = disk.peek(8192, 4096);
    BitmapHeader changed =
        BitmapHeader.builder()
            .uuid(superblock(disk).setUuid())
            .syncSize(size)
            .chunksize(ArrayRig.CHUNK)
            .build();
    BitmapHeaderCodec.encode(changed).get(page, 0, BitmapHeaderCodec.BYTES);
    disk.corrupt(8192, page);
  }

  @Test
  void dataThatBeginsInsideASectorIsRefused() throws Exception {
    List<SimDisk> disks =
        List.of(
            new SimDisk("disk0", ArrayRig.DISK_BYTES, 4096),
            new SimDisk("disk1", ArrayRig.DISK_BYTES, 4096));
    createArray(BitmapKind.INTERNAL, disks);
    rewrite(disks.get(1), s -> s.dataOffset(s.build().dataOffset() - 3));
    refused(ArrayException.Reason.FAILED, "inside a sector", () -> assemble(disks));
  }
}
