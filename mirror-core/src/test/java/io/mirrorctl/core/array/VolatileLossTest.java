package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.ArrayRig.assemble;
import static io.mirrorctl.core.array.ArrayRig.assertEqualData;
import static io.mirrorctl.core.array.ArrayRig.awaitInSync;
import static io.mirrorctl.core.array.ArrayRig.bytes;
import static io.mirrorctl.core.array.ArrayRig.read;
import static io.mirrorctl.core.array.ArrayRig.record;
import static io.mirrorctl.core.array.ArrayRig.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.resync.SyncSpeed;
import java.util.List;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A member's server is restarted and has lost what was not flushed. */
class VolatileLossTest {

  private static List<RestartingDisk> array(BitmapKind kind, int members) throws Exception {
    List<SimDisk> disks = ArrayRig.disks(members);
    ArrayRig.createArray(kind, disks);
    return disks.stream().map(RestartingDisk::new).toList();
  }

  private static MemberState state(LocalMirror mirror, int disk) {
    return ArrayRig.state(mirror, new SimDisk("disk" + disk, 512));
  }

  @ParameterizedTest
  @EnumSource(
      value = BitmapKind.class,
      names = {"INTERNAL", "NONE"})
  void aMemberIsFilledAgainFromTheOthersAndOnlyWhereItMayHaveLostData(BitmapKind kind)
      throws Exception {
    List<RestartingDisk> disks = array(kind, 2);
    try (LocalMirror mirror = assemble(disks)) {
      List<ArrayEvent> events = record(mirror);
      write(mirror, 0, 1, 4096);
      mirror.flush();
      mirror.array().clearIdleBits();
      write(mirror, 1 << 20, 2, 8192);
      write(mirror, 3 << 20, 3, 8192);
      disks.get(1).restart();
      disks.get(1).disk().clearLog();
      write(mirror, 5 << 20, 4, 8192);
      awaitInSync(mirror);
      assertThat(List.copyOf(events))
          .contains(
              new ArrayEvent.UnflushedWritesLost("disk1"),
              new ArrayEvent.RecoveryStarted("disk1", true),
              new ArrayEvent.MemberInSync("disk1"));
      mirror.flush();
      assertThat(read(mirror, 1 << 20, 8192)).isEqualTo(bytes(2, 8192));
    }
    SimDisk first = disks.get(0).disk().reopen();
    SimDisk second = disks.get(1).disk().reopen();
    assertEqualData(first, second);
    if (kind == BitmapKind.INTERNAL) {
      assertThat(copies(second)).isBetween(2L, 4L);
    }
  }

  @Test
  void aLossThatOnlyASuperblockWriteMeetsIsNoFailure() throws Exception {
    List<RestartingDisk> disks = array(BitmapKind.INTERNAL, 3);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 1, 4096);
      disks.get(1).restart();
      mirror.array().members().fail("disk2");
      awaitInSync(mirror);
      assertThat(state(mirror, 1)).isInstanceOf(MemberState.InSync.class);
      assertEqualData(disks.get(0).disk(), disks.get(1).disk());
    }
  }

  @Test
  void aSpareWhoseServerWasRestartedStaysASpare() throws Exception {
    List<SimDisk> disks = ArrayRig.disks(3);
    ArrayRig.createArray(BitmapKind.INTERNAL, disks.subList(0, 2), disks.get(2));
    List<RestartingDisk> served = disks.stream().map(RestartingDisk::new).toList();
    try (LocalMirror mirror = assemble(served)) {
      served.get(2).restart();
      mirror.array().members().growMembers(2);
      assertThat(state(mirror, 2)).isInstanceOf(MemberState.Spare.class);
      mirror.array().members().fail("disk0");
      awaitInSync(mirror);
      assertThat(state(mirror, 2)).isInstanceOf(MemberState.InSync.class);
      assertEqualData(served.get(1).disk(), served.get(2).disk());
    }
  }

  @Test
  void aFlushTellsThatTheLastMemberLostWritesAndTheNextOneIsGoodAgain() throws Exception {
    List<RestartingDisk> disks = array(BitmapKind.INTERNAL, 2);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.array().members().fail("disk0");
      write(mirror, 0, 1, 4096);
      disks.get(1).restart();
      assertThatThrownBy(mirror::flush).hasMessageContaining("may be lost");
      assertThat(state(mirror, 1)).isInstanceOf(MemberState.InSync.class);
      write(mirror, 0, 2, 4096);
      mirror.flush();
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(2, 4096));
    }
  }

  @Test
  void aLossThatAWriteMeetsIsToldByTheNextFlush() throws Exception {
    List<RestartingDisk> disks = array(BitmapKind.INTERNAL, 2);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.array().members().fail("disk0");
      write(mirror, 0, 1, 4096);
      disks.get(1).restart();
      write(mirror, 4096, 2, 4096);
      assertThatThrownBy(mirror::flush).hasMessageContaining("may be lost");
      mirror.flush();
    }
  }

  @Test
  void whatTheLastMemberLostIsTakenFromNobodyElse() throws Exception {
    List<RestartingDisk> disks = array(BitmapKind.INTERNAL, 2);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.array().members().fail("disk1");
      mirror.sync().pause();
      mirror.array().members().reAdd("disk1");
      // disk1 only receives; disk0, the last in-sync member, loses what disk1 keeps
      write(mirror, 0, 1, 4096);
      disks.get(0).restart();
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(0, 4096));
      mirror.sync().resume();
      awaitInSync(mirror);
      assertThat(state(mirror, 1)).isInstanceOf(MemberState.InSync.class);
      assertEqualData(disks.get(0).disk(), disks.get(1).disk());
    }
  }

  /**
   * The old member loses writes while its replacement is being filled, and is told to be filled.
   */
  private static void loseWhileReplaced(
      LocalMirror mirror, List<RestartingDisk> disks, RestartingDisk fresh) throws Exception {
    mirror.sync().pause();
    mirror.array().members().replace("disk0", fresh, false);
    write(mirror, 0, 1, 8192);
    disks.get(0).restart();
    write(mirror, 1 << 20, 2, 8192);
    assertThat(state(mirror, 0)).isInstanceOf(MemberState.Recovering.class);
  }

  private static void oneOfThemHasTheRole(
      LocalMirror mirror, RestartingDisk second, RestartingDisk fresh) throws Exception {
    awaitInSync(mirror);
    assertThat(state(mirror, 0)).isEqualTo(new MemberState.Faulty("replaced"));
    assertThat(state(mirror, 1)).isInstanceOf(MemberState.InSync.class);
    assertThat(ArrayRig.state(mirror, fresh.disk())).isInstanceOf(MemberState.InSync.class);
    assertThat(mirror.array().status().degraded()).isFalse();
    assertEqualData(second.disk(), fresh.disk());
  }

  @Test
  void aMemberThatLosesWritesWhileItIsReplacedMakesWayForItsReplacement() throws Exception {
    List<RestartingDisk> disks = array(BitmapKind.INTERNAL, 2);
    RestartingDisk fresh = new RestartingDisk(new SimDisk("fresh", ArrayRig.DISK_BYTES));
    try (LocalMirror mirror = assemble(disks)) {
      loseWhileReplaced(mirror, disks, fresh);
      mirror.sync().resume();
      oneOfThemHasTheRole(mirror, disks.get(1), fresh);
    }
  }

  @Test
  void aMemberThatLostWritesWhileItWasReplacedIsTheOneReplacedAfterARestartToo() throws Exception {
    List<RestartingDisk> disks = array(BitmapKind.INTERNAL, 2);
    RestartingDisk fresh = new RestartingDisk(new SimDisk("fresh", ArrayRig.DISK_BYTES));
    try (LocalMirror mirror = assemble(disks)) {
      loseWhileReplaced(mirror, disks, fresh);
    }
    List<RestartingDisk> after =
        Stream.of(disks.get(0), disks.get(1), fresh)
            .map(disk -> new RestartingDisk(disk.disk().reopen()))
            .toList();
    try (LocalMirror mirror = assemble(after)) {
      oneOfThemHasTheRole(mirror, after.get(1), after.get(2));
    }
  }

  private static long copies(SimDisk disk) {
    return disk.log().stream()
        .map(SimOperation.Logged::operation)
        .filter(o -> o.kind() == SimOperation.Kind.WRITE && o.length() >= ArrayRig.CHUNK)
        .count();
  }

  @Test
  void aMemberThatLosesWritesWhileItIsBeingFilledIsFilledFromTheBeginning() throws Exception {
    for (boolean byBitmap : new boolean[] {true, false}) {
      List<RestartingDisk> disks = array(byBitmap ? BitmapKind.INTERNAL : BitmapKind.NONE, 2);
      try (LocalMirror mirror = assemble(disks)) {
        mirror.array().members().fail("disk1");
        for (int chunk = 0; chunk < 64; chunk++) {
          write(mirror, chunk * ArrayRig.CHUNK, chunk + 1, (int) ArrayRig.CHUNK);
        }
        mirror.sync().speed(new SyncSpeed(1 << 20, 1 << 20));
        disks.get(1).disk().clearLog();
        mirror.array().members().reAdd("disk1");
        Awaitility.await().until(() -> copies(disks.get(1).disk()) >= 3);
        disks.get(1).restart();
        write(mirror, 0, 99, 4096);
        mirror.sync().speed(SyncSpeed.DEFAULT);
        awaitInSync(mirror);
        assertThat(state(mirror, 1)).isInstanceOf(MemberState.InSync.class);
        assertEqualData(disks.get(0).disk(), disks.get(1).disk());
      }
    }
  }
}
