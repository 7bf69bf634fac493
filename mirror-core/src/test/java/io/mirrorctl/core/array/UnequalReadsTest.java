package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.ArrayRig.assemble;
import static io.mirrorctl.core.array.ArrayRig.assertEqualData;
import static io.mirrorctl.core.array.ArrayRig.awaitInSync;
import static io.mirrorctl.core.array.ArrayRig.bytes;
import static io.mirrorctl.core.array.ArrayRig.createArray;
import static io.mirrorctl.core.array.ArrayRig.disks;
import static io.mirrorctl.core.array.ArrayRig.logBad;
import static io.mirrorctl.core.array.ArrayRig.onDisk;
import static io.mirrorctl.core.array.ArrayRig.read;
import static io.mirrorctl.core.array.ArrayRig.state;
import static io.mirrorctl.core.array.ArrayRig.superblock;
import static io.mirrorctl.core.array.ArrayRig.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.ForwardingDevice;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimFault;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Reads while the in-sync members differ: nobody sees what is taken back afterwards. */
@Timeout(60)
class UnequalReadsTest {
  private static final SectorRange BITMAP = SectorRange.ofLength(16, 8);
  private final ExecutorService clients = Executors.newCachedThreadPool();

  @AfterEach
  void endClients() {
    clients.shutdownNow();
  }

  private static List<SimDisk> newDisks() throws IOException {
    List<SimDisk> disks = disks(2);
    createArray(BitmapKind.INTERNAL, disks);
    return disks;
  }

  /** A write of 4 KiB that fails, of which the second disk has taken its first sector at least. */
  private static void failWrite(LocalMirror mirror, List<SimDisk> disks, long offset)
      throws IOException {
    SimDisk first = disks.get(0);
    SimDisk second = disks.get(1);
    first.inject(SimFault.writes(onDisk(first, offset, 4096), IoFailure.MEDIUM).once());
    second.inject(SimFault.writes(onDisk(second, offset + 512, 512), IoFailure.MEDIUM).once());
    assertThatThrownBy(() -> write(mirror, offset, 2, 4096)).isInstanceOf(DeviceException.class);
    assertThat(second.peek(onDisk(second, offset, 512).startBytes(), 512)).isEqualTo(bytes(2, 512));
  }

  // ---- a loss that is not yet recorded

  @Test
  void whatOnlyTheRemainingMemberHoldsIsReadWhenTheLossOfTheOtherIsOnDisk() throws Exception {
    List<SimDisk> disks = newDisks();
    CountDownLatch recording = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    CountDownLatch wasRead = new CountDownLatch(1);
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 1, 4096);
      SimDisk lost = disks.get(0);
      SimDisk stays = disks.get(1);
      SectorRange block = onDisk(stays, 0, 4096);
      lost.inject(SimFault.writes(onDisk(lost, 0, 4096), IoFailure.MEDIUM).once());
      stays.hook(operation -> {
        if (operation.changes(BITMAP)) {
          recording.countDown();
          await(go);
        } else if (operation.kind() == SimOperation.Kind.READ && operation.touches(block)) {
          wasRead.countDown();
        }
      });
      Future<?> write =
          clients.submit(() -> {
            write(mirror, 0, 2, 4096);
            return null;
          });
      recording.await();
      Future<byte[]> read = clients.submit(() -> read(mirror, 0, 4096));
      wasRead.await();
      try {
        assertThatThrownBy(() -> read.get(200, TimeUnit.MILLISECONDS))
            .isInstanceOf(TimeoutException.class);
        assertThat(write.isDone()).isFalse();
      } finally {
        go.countDown(); // else the array cannot be stopped
      }
      assertThat(read.get()).isEqualTo(bytes(2, 4096));
      write.get();
      assertThat(state(mirror, lost)).isInstanceOf(MemberState.Faulty.class);
      assertThat(superblock(stays).roleOf(0)).isNotZero();
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  // ---- a write that fails everywhere

  @Test
  void whoHearsOfAFailedWriteFindsItsChunkNeeded() throws Exception {
    List<SimDisk> disks = newDisks();
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 1, 4096);
      mirror.sync().pause();
      List<Long> needed = new ArrayList<>();
      mirror
          .array()
          .listen(event -> {
            if (event instanceof ArrayEvent.WriteFailed) {
              needed.add(mirror.array().status().neededChunks());
            }
          });
      failWrite(mirror, disks, 0);
      assertThat(needed).containsExactly(1L);
    }
  }

  private interface OnRead {
    void run(BlockDevice device, long offset, ByteBuffer into) throws Exception;
  }

  /** Does something else in place of the first read of a range. */
  private static final class Interposed extends ForwardingDevice {
    private final SimDisk disk;
    private final long at;
    private final AtomicBoolean fired = new AtomicBoolean(true);
    private volatile OnRead instead;

    Interposed(SimDisk disk) throws IOException {
      super(disk);
      this.disk = disk;
      this.at = onDisk(disk, 0, 512).startBytes();
    }

    void arm(OnRead next) {
      instead = next;
      fired.set(false);
    }

    @Override
    public void read(long offset, ByteBuffer into) throws IOException {
      if (offset != at || fired.getAndSet(true)) {
        disk.read(offset, into);
        return;
      }
      try {
        instead.run(disk, offset, into);
      } catch (IOException e) {
        throw e;
      } catch (Exception e) {
        throw new AssertionError(e);
      }
    }
  }

  /** Reads until the second disk was asked; a settled block is read from both in turns. */
  private static void readFrom(Interposed second, LocalMirror mirror) throws IOException {
    for (int i = 0; i < 1000 && !second.fired.get(); i++) {
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(1, 4096));
    }
    assertThat(second.fired).isTrue();
  }

  private static final ArrayOptions IN_TURNS =
      ArrayOptions.DEFAULT.withReadPolicy(ReadPolicy.BALANCED);

  @Test
  void aReadThatAFailedWriteAndItsResyncOvertookIsReadAgain() throws Exception {
    List<SimDisk> disks = newDisks();
    Interposed second = new Interposed(disks.get(1));
    try (LocalMirror mirror = assemble(IN_TURNS, List.of(disks.get(0), second))) {
      write(mirror, 0, 1, 4096);
      second.arm((device, offset, into) -> {
        mirror.sync().pause();
        asAnother(() -> failWrite(mirror, disks, 0));
        device.read(offset, into);
        mirror.sync().resume();
        awaitInSync(mirror);
      });
      readFrom(second, mirror);
      assertEqualData(disks.get(0), disks.get(1));
    }
  }

  @Test
  void aReadErrorIsNotServedByTheMemberThatTookPartOfAFailedWrite() throws Exception {
    List<SimDisk> disks = newDisks();
    Interposed second = new Interposed(disks.get(1));
    try (LocalMirror mirror = assemble(IN_TURNS, List.of(disks.get(0), second))) {
      write(mirror, 0, 1, 4096);
      second.arm((_, _, _) -> {
        mirror.sync().pause();
        asAnother(() -> failWrite(mirror, disks, 0));
        throw new DeviceException(IoFailure.MEDIUM, "planted");
      });
      readFrom(second, mirror);
      mirror.sync().resume();
      awaitInSync(mirror);
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(1, 4096));
    }
  }

  private interface Work {
    void run() throws Exception;
  }

  private void asAnother(Work work) throws Exception {
    clients
        .submit(() -> {
          work.run();
          return null;
        })
        .get();
  }

  // ---- bad-block logs

  /** Both hold 1 everywhere in the first 64 KiB, but the disk has logged its first 4 KiB as bad. */
  private static void spoil(List<SimDisk> disks, SimDisk sick) throws IOException {
    for (SimDisk disk : disks) {
      disk.corrupt(onDisk(disk, 0, 512).startBytes(), bytes(1, 65536));
    }
    SectorRange bad = onDisk(sick, 0, 4096);
    sick.corrupt(bad.startBytes(), bytes(0xbb, 4096));
    logBad(sick, bad);
  }

  @Test
  void besideABadSectorUnequalBlocksAreReadFromTheSourceOfTheirResync() throws Exception {
    List<SimDisk> disks = newDisks();
    spoil(disks, disks.get(0));
    try (LocalMirror mirror = assemble(disks)) {
      mirror.sync().pause();
      failWrite(mirror, disks, 4096);
      assertThat(read(mirror, 0, 8192)).isEqualTo(bytes(1, 8192));
      mirror.sync().resume();
      awaitInSync(mirror);
      assertThat(read(mirror, 0, 8192)).isEqualTo(bytes(1, 8192));
      assertEqualData(disks.get(0), disks.get(1));
    }
  }

  @Test
  void aSectorThatIsBadByTheLogOnDiskIsNoSourceOfUnequalBlocks() throws Exception {
    List<SimDisk> disks = newDisks();
    spoil(disks, disks.get(0));
    try (LocalMirror mirror = assemble(disks)) {
      write(mirror, 0, 1, 4096); // readable now, which the log on disk does not say yet
      mirror.sync().pause();
      failWrite(mirror, List.of(disks.get(1), disks.get(0)), 0);
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(1, 4096));
      mirror.sync().resume();
      awaitInSync(mirror);
      assertThat(read(mirror, 0, 4096)).isEqualTo(bytes(1, 4096));
      assertEqualData(disks.get(0), disks.get(1));
    }
  }
}
