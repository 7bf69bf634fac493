package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.ArrayRig.assemble;
import static io.mirrorctl.core.array.ArrayRig.awaitInSync;
import static io.mirrorctl.core.array.ArrayRig.createArray;
import static io.mirrorctl.core.array.ArrayRig.disks;
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
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimFault;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.format.BitmapKind;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Flushes that fail on a member that has to stay: whoever met it, a client's flush says so. */
class FailedFlushTest {
  private static List<SimDisk> newDisks(int count) throws Exception {
    List<SimDisk> disks = disks(count);
    createArray(BitmapKind.INTERNAL, disks);
    return disks;
  }

  /** The next flush fails; durable writes do not. */
  private static void failNextFlush(SimDisk disk) {
    AtomicBoolean failed = new AtomicBoolean();
    disk.hook(operation -> {
      if (operation.kind() == SimOperation.Kind.FLUSH && !failed.getAndSet(true)) {
        throw new DeviceException(IoFailure.MEDIUM, "planted");
      }
    });
  }

  private static void nextFlushTellsItAndTheOneAfterIsGood(LocalMirror mirror) throws Exception {
    assertThatThrownBy(mirror::flush)
        .isInstanceOf(DeviceException.class)
        .hasMessageContaining("may be lost");
    mirror.flush();
  }

  @Test
  void aFlushThatFailsWhileAMemberIsFilledIsToldByTheClientsNextFlush() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      List<ArrayEvent> events = record(mirror);
      mirror.sync().pause();
      mirror.array().members().fail("disk1");
      write(mirror, 0, 1, 4096);
      mirror.array().members().reAdd("disk1");
      failNextFlush(disks.get(0));
      mirror.sync().resume();
      Awaitility.await()
          .until(() ->
              List.copyOf(events).stream()
                  .anyMatch(event ->
                      event instanceof ArrayEvent.SyncFinished finished
                          && finished.outcome().contains("planted")));
      assertThat(state(mirror, disks.get(0))).isInstanceOf(MemberState.InSync.class);
      nextFlushTellsItAndTheOneAfterIsGood(mirror);
    }
    assertThat(superblock(reopen(disks).get(0)).isClean()).isFalse();
  }

  @Test
  void aFlushThatFailsWhenBitsAreClearedIsToldByTheClientsNextFlush() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 1, 4096);
      disks.forEach(FailedFlushTest::failNextFlush);
      assertThatThrownBy(() -> mirror.array().clearIdleBits()).hasMessageContaining("planted");
      nextFlushTellsItAndTheOneAfterIsGood(mirror);
      mirror.array().clearIdleBits();
      assertThat(mirror.array().status().dirtyChunks()).isEqualTo(1);
    }
  }

  @Test
  void afterADurableWriteThatNoMemberMadeDurableNoBitIsCleared() throws Exception {
    List<SimDisk> disks = newDisks(2);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 1, 4096);
      for (SimDisk disk : disks) {
        disk.inject(SimFault.flushes(IoFailure.MEDIUM).once());
      }
      assertThatThrownBy(
              () -> mirror.device().write(0, ArrayRig.filled(2, 4096), WriteOption.ONLY_DURABLE))
          .isInstanceOf(DeviceException.class);
      awaitInSync(mirror);
      mirror.array().clearIdleBits();
      mirror.array().clearIdleBits();
      assertThat(mirror.array().status().dirtyChunks()).isEqualTo(1);
    }
    assertThat(superblock(reopen(disks).get(0)).isClean()).isFalse();
  }
}
