package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.ArrayRig.assemble;
import static io.mirrorctl.core.array.ArrayRig.assertEqualData;
import static io.mirrorctl.core.array.ArrayRig.awaitInSync;
import static io.mirrorctl.core.array.ArrayRig.bytes;
import static io.mirrorctl.core.array.ArrayRig.createArray;
import static io.mirrorctl.core.array.ArrayRig.disks;
import static io.mirrorctl.core.array.ArrayRig.read;
import static io.mirrorctl.core.array.ArrayRig.reopen;
import static io.mirrorctl.core.array.ArrayRig.state;
import static io.mirrorctl.core.array.ArrayRig.superblock;
import static io.mirrorctl.core.array.ArrayRig.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Superblock;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MirrorArrayTest {

  @ParameterizedTest
  @EnumSource(value = BitmapKind.class)
  void whatIsWrittenIsOnAllMembersAndReadBackAfterARestart(BitmapKind kind) throws Exception {
    List<SimDisk> disks = disks(3);
    createArray(kind, disks);
    ArrayOptions options = ArrayOptions.DEFAULT.withForce(kind == BitmapKind.CLUSTERED);
    try (LocalMirror mirror = assemble(options, disks)) {
      write(mirror, 4096, 7, 8192);
      write(mirror, 100, 9, 333);
      assertThat(read(mirror, 4096, 8192)).isEqualTo(bytes(7, 8192));
    }
    disks = reopen(disks);
    assertEqualData(disks.get(0), disks.get(1), disks.get(2));
    assertThat(superblock(disks.get(0)).isClean()).isTrue();
    try (LocalMirror mirror = assemble(options, disks)) {
      assertThat(mirror.sync().isIdle()).isTrue();
      assertThat(read(mirror, 100, 333)).isEqualTo(bytes(9, 333));
      assertThat(read(mirror, 433, 10)).isEqualTo(bytes(0, 10));
    }
  }

  @Test
  void aNewArrayThatIsNotAssumedCleanIsMadeEqual() throws Exception {
    List<SimDisk> disks = disks(2);
    createArray(BitmapKind.INTERNAL, false, disks, List.of());
    long data = superblock(disks.get(0)).dataOffset() * 512;
    disks.get(1).corrupt(data + 512 * 24, bytes(3, 512 * 200));
    try (LocalMirror mirror = assemble(disks)) {
      awaitInSync(mirror);
      assertEqualData(disks.get(0), disks.get(1));
    }
  }

  @Test
  void aFailedMemberIsReaddedByBitmapAndOnlyDirtyChunksAreCopied() throws Exception {
    List<SimDisk> disks = disks(2);
    createArray(BitmapKind.INTERNAL, disks);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 1, 4096);
      mirror.array().clearIdleBits();
      mirror.array().members().fail("disk1");
      assertThat(state(mirror, disks.get(1))).isInstanceOf(MemberState.Faulty.class);
      assertThat(superblock(disks.get(0)).roleOf(1)).isEqualTo(Superblock.ROLE_FAULTY);
      write(mirror, 1 << 20, 2, 4096);
      disks.get(1).clearLog();
      mirror.array().members().reAdd("disk1");
      awaitInSync(mirror);
      assertThat(state(mirror, disks.get(1))).isInstanceOf(MemberState.InSync.class);
      assertEqualData(disks.get(0), disks.get(1));
      assertThat(mirror.array().status().degraded()).isFalse();
    }
  }

  @Test
  void theLastInSyncMemberIsNeverFailed() throws Exception {
    List<SimDisk> disks = disks(2);
    createArray(BitmapKind.INTERNAL, disks);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.array().members().fail("disk0");
      assertThatThrownBy(() -> mirror.array().members().fail("disk1"))
          .isInstanceOf(ArrayException.class)
          .hasMessageContaining("last in-sync member");
      write(mirror, 0, 5, 512);
      assertThat(read(mirror, 0, 512)).isEqualTo(bytes(5, 512));
    }
  }

  @Test
  void aSpareTakesTheRoleOfAFailedMember() throws Exception {
    List<SimDisk> disks = disks(3);
    createArray(BitmapKind.INTERNAL, disks.subList(0, 2), disks.get(2));
    try (LocalMirror mirror = assemble(disks)) {
      byte[] random = new byte[300_000];
      new Random(1).nextBytes(random);
      mirror.write(777, java.nio.ByteBuffer.wrap(random));
      mirror.array().members().fail("disk0");
      awaitInSync(mirror);
      assertThat(state(mirror, disks.get(2))).isInstanceOf(MemberState.InSync.class);
      assertEqualData(disks.get(1), disks.get(2));
      mirror.array().members().remove("disk0");
      assertThat(mirror.array().status().members()).hasSize(2);
    }
    disks = reopen(disks);
    assertThat(superblock(disks.get(2)).role()).isEqualTo(0);
    try (LocalMirror mirror = assemble(disks.subList(1, 3))) {
      assertThat(mirror.array().status().degraded()).isFalse();
    }
  }

  @Test
  void aCrashIsFollowedByAResyncOfTheDirtyChunksOnly() throws Exception {
    List<SimDisk> disks = disks(2);
    createArray(BitmapKind.INTERNAL, disks);
    LocalMirror mirror = assemble(disks);
    write(mirror, 3 * ArrayRig.CHUNK, 1, 4096);
    mirror.flush();
    disks.forEach(disk -> disk.powerCut(new Random(3)));
    List<SimDisk> after = reopen(disks);
    long data = superblock(after.get(0)).dataOffset() * 512;
    after.get(1).corrupt(data + 3 * ArrayRig.CHUNK + 8192, bytes(8, 4096));
    try (LocalMirror again = assemble(after)) {
      awaitInSync(again);
      assertEqualData(after.get(0), after.get(1));
      assertThat(read(again, 3 * ArrayRig.CHUNK, 4096)).isEqualTo(bytes(1, 4096));
    }
  }
}
