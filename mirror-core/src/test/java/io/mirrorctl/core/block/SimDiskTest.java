package io.mirrorctl.core.block;

import static io.mirrorctl.core.block.BlockDeviceContract.randomBytes;
import static io.mirrorctl.core.block.BlockDeviceContract.refused;
import static io.mirrorctl.core.block.BlockDeviceContract.same;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class SimDiskTest {
  private static final int MIB = 1 << 20;

  private final SimDisk disk = new SimDisk("sim", 64L * MIB);

  private static byte[] filled(int value, int length) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  private static void write(SimDisk disk, long offset, byte[] data) throws IOException {
    disk.write(offset, ByteBuffer.wrap(data), WriteOption.NONE);
  }

  private static byte[] read(SimDisk disk, long offset, int length) throws IOException {
    ByteBuffer into = ByteBuffer.allocate(length);
    disk.read(offset, into);
    return into.array();
  }

  // ---- power cuts

  @Test
  void whatWasFlushedOrWrittenDurablySurvivesEveryPowerCut() throws Exception {
    for (int seed = 0; seed < 50; seed++) {
      SimDisk fresh = new SimDisk("sim", MIB);
      write(fresh, 0, filled(1, 8192));
      fresh.flush();
      fresh.write(8192, ByteBuffer.wrap(filled(2, 8192)), WriteOption.ONLY_DURABLE);
      fresh.writeZeroes(0, 512, WriteOption.ONLY_DURABLE);
      assertThat(fresh.unflushedSectors()).isZero();
      write(fresh, 16384, filled(3, 8192));
      fresh.powerCut(new Random(seed));
      SimDisk after = fresh.reopen();
      same(read(after, 0, 512), new byte[512]);
      same(read(after, 512, 7680), filled(1, 7680));
      same(read(after, 8192, 8192), filled(2, 8192));
    }
  }

  @Test
  void anUnflushedWriteIsKeptLostOrTorn() throws Exception {
    Set<Integer> sectorsKept = new HashSet<>();
    for (int seed = 0; seed < 100; seed++) {
      SimDisk fresh = new SimDisk("sim", MIB);
      write(fresh, 0, filled(1, 8 * 512));
      assertThat(fresh.unflushedSectors()).isEqualTo(8);
      fresh.powerCut(new Random(seed));
      int kept = 0;
      for (int sector = 0; sector < 8; sector++) {
        byte[] content = fresh.peek(sector * 512L, 512);
        assertThat(content).containsOnly(content[0]); // a sector is never torn
        kept += content[0];
      }
      sectorsKept.add(kept);
    }
    assertThat(sectorsKept).contains(0, 8).hasSizeGreaterThan(4);
  }

  @Test
  void aSectorWrittenSeveralTimesMayFallBackToAnyOfThem() throws Exception {
    Set<Byte> found = new HashSet<>();
    for (int seed = 0; seed < 200; seed++) {
      SimDisk fresh = new SimDisk("sim", MIB);
      for (int version = 1; version <= 3; version++) {
        write(fresh, 0, filled(version, 512));
      }
      fresh.powerCut(new Random(seed));
      found.add(fresh.peek(0, 1)[0]);
    }
    assertThat(found).containsExactlyInAnyOrder((byte) 0, (byte) 1, (byte) 2, (byte) 3);
  }

  @Test
  void aSeedSaysWhatAPowerCutLeaves() throws Exception {
    byte[][] left = new byte[2][];
    for (int run = 0; run < 2; run++) {
      SimDisk fresh = new SimDisk("sim", MIB);
      write(fresh, 0, randomBytes(1, MIB));
      fresh.powerCut(new Random(42));
      left[run] = fresh.peek(0, MIB);
    }
    same(left[0], left[1]);
    assertThat(Arrays.mismatch(left[0], randomBytes(1, MIB))).isNotEqualTo(-1);
  }

  @Test
  void aHeldWriteIsTornByThePowerCutAndItsThreadIsToldNothingGood() throws Exception {
    Set<Integer> sectorsWritten = new HashSet<>();
    for (int seed = 0; seed < 30; seed++) {
      SimDisk fresh = new SimDisk("sim", MIB);
      CountDownLatch held = new CountDownLatch(1);
      CountDownLatch let = new CountDownLatch(1);
      fresh.hook(_ -> {
        held.countDown();
        awaitQuietly(let);
      });
      CompletableFuture<IoFailure> end = new CompletableFuture<>();
      Thread.ofPlatform()
          .start(() -> {
            try {
              write(fresh, 0, filled(1, 16 * 512));
              end.completeExceptionally(new AssertionError("written after the cut"));
            } catch (IOException e) {
              end.complete(DeviceException.kindOf(e));
            }
          });
      held.await();
      fresh.powerCut(new Random(seed));
      byte[] atTheCut = fresh.peek(0, 16 * 512);
      let.countDown();
      assertThat(end.get()).isEqualTo(IoFailure.CLOSED);
      same(fresh.peek(0, 16 * 512), atTheCut);
      int written = 0;
      for (int sector = 0; sector < 16; sector++) {
        written += atTheCut[sector * 512];
      }
      sectorsWritten.add(written);
    }
    assertThat(sectorsWritten).hasSizeGreaterThan(3);
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void theOldHandleIsDeadAfterAPowerCutAndTheNewOneLives() throws Exception {
    disk.powerCut(new Random(1));
    refused(IoFailure.CLOSED, () -> read(disk, 0, 512));
    refused(IoFailure.CLOSED, disk::flush);
    disk.close();
    SimDisk next = disk.reopen();
    write(next, 0, filled(1, 512));
    next.close();
    same(read(next.reopen(), 0, 512), filled(1, 512));
  }

  @Test
  void closingLosesNothingAndMakesNothingDurable() throws Exception {
    write(disk, 0, filled(1, 512));
    disk.close();
    SimDisk next = disk.reopen();
    assertThat(next.unflushedSectors()).isEqualTo(1);
    same(read(next, 0, 512), filled(1, 512));
  }

  @Test
  void whatAFailedFlushLeftMayBeLostAfterALaterGoodOneUnlessWrittenAgain() throws Exception {
    Set<Byte> leftBehind = new HashSet<>();
    for (int seed = 0; seed < 40; seed++) {
      SimDisk fresh = new SimDisk("sim", MIB);
      write(fresh, 0, filled(1, 1024));
      fresh.inject(SimFault.flushes(IoFailure.MEDIUM).once());
      refused(IoFailure.MEDIUM, fresh::flush);
      write(fresh, 512, filled(2, 512));
      fresh.flush();
      fresh.powerCut(new Random(seed));
      leftBehind.add(fresh.peek(0, 1)[0]);
      same(fresh.peek(512, 512), filled(2, 512));
    }
    assertThat(leftBehind).containsExactlyInAnyOrder((byte) 0, (byte) 1);
  }

  // ---- faults

  @Test
  void aBadSectorFailsEveryReadThatTouchesIt() throws Exception {
    disk.inject(SimFault.reads(SectorRange.ofLength(8, 1), IoFailure.MEDIUM));
    read(disk, 0, 8 * 512);
    read(disk, 9 * 512, 512);
    for (int i = 0; i < 3; i++) {
      refused(IoFailure.MEDIUM, () -> read(disk, 0, 9 * 512));
    }
    write(disk, 8 * 512, filled(1, 512));
    refused(IoFailure.MEDIUM, () -> read(disk, 8 * 512, 512));
    disk.heal();
    same(read(disk, 8 * 512, 512), filled(1, 512));
  }

  @Test
  void aRewriteHealsTheSectorsItCoversAndNoOthers() throws Exception {
    disk.inject(SimFault.reads(SectorRange.ofLength(8, 4), IoFailure.MEDIUM).healedByRewrite());
    refused(IoFailure.MEDIUM, () -> read(disk, 9 * 512, 512));
    write(disk, 9 * 512, filled(1, 1024));
    same(read(disk, 9 * 512, 1024), filled(1, 1024));
    refused(IoFailure.MEDIUM, () -> read(disk, 8 * 512, 512));
    refused(IoFailure.MEDIUM, () -> read(disk, 11 * 512, 512));
    disk.discard(8 * 512, 512, WriteOption.NONE);
    refused(IoFailure.MEDIUM, () -> read(disk, 8 * 512, 512));
    disk.writeZeroes(0, MIB, WriteOption.NONE);
    read(disk, 0, MIB);
  }

  @Test
  void aFaultCanBeCounted() throws Exception {
    disk.inject(SimFault.reads(SectorRange.ofLength(0, 1), IoFailure.TIMEOUT).times(2));
    refused(IoFailure.TIMEOUT, () -> read(disk, 0, 512));
    read(disk, 512, 512);
    refused(IoFailure.TIMEOUT, () -> read(disk, 0, 512));
    read(disk, 0, 512);
  }

  @Test
  void aFailingWriteStillWritesWhatIsNotBad() throws Exception {
    disk.inject(SimFault.writes(SectorRange.ofLength(1, 1), IoFailure.MEDIUM));
    refused(IoFailure.MEDIUM, () -> write(disk, 0, filled(1, 3 * 512)));
    same(disk.peek(0, 512), filled(1, 512));
    same(disk.peek(512, 512), new byte[512]);
    same(disk.peek(1024, 512), filled(1, 512));
    refused(IoFailure.MEDIUM, () -> disk.writeZeroes(0, 1024, WriteOption.NONE));
    refused(IoFailure.MEDIUM, () -> disk.discard(0, 1024, WriteOption.NONE));
  }

  @Test
  void aDurableWriteFailsWithTheFlush() throws Exception {
    disk.inject(SimFault.flushes(IoFailure.MEDIUM).times(1));
    refused(
        IoFailure.MEDIUM, () -> disk.write(0, ByteBuffer.allocate(512), WriteOption.ONLY_DURABLE));
    assertThat(disk.unflushedSectors()).isEqualTo(1);
    disk.flush();
  }

  @Test
  void aDiskThatIsGoneAnswersNothing() throws Exception {
    disk.inject(SimFault.everything(IoFailure.GONE));
    refused(IoFailure.GONE, () -> read(disk, 0, 512));
    refused(IoFailure.GONE, () -> write(disk, 0, new byte[512]));
    refused(IoFailure.GONE, disk::flush);
    assertThat(disk.unflushedSectors()).isZero();
  }

  @Test
  void corruptionIsSilentAndDurable() throws Exception {
    disk.corrupt(512, filled(7, 512));
    disk.powerCut(new Random(3));
    same(read(disk.reopen(), 0, 1024), concat(new byte[512], filled(7, 512)));
  }

  private static byte[] concat(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  // ---- what it can do

  @Test
  void aDiskWithoutZeroingDiscardsReadsAsRubbish() throws Exception {
    disk.features(EnumSet.of(DeviceFeature.DISCARD));
    disk.discard(0, 1024, WriteOption.NONE);
    assertThat(disk.peek(0, 1024)).doesNotContain(0);
    refused(
        IoFailure.NOT_SUPPORTED, () -> disk.writeZeroes(0, 512, EnumSet.of(WriteOption.FAST_ONLY)));
    disk.features(Set.of());
    write(disk, 0, filled(1, 512));
    disk.discard(0, 512, WriteOption.NONE);
    same(disk.peek(0, 512), filled(1, 512));
    disk.features(EnumSet.of(DeviceFeature.READ_ONLY));
    refused(IoFailure.READ_ONLY, () -> write(disk, 0, new byte[512]));
  }

  @Test
  void holesCostNothingHoweverLargeTheDisk() throws Exception {
    SimDisk huge = new SimDisk("huge", 1L << 50);
    write(huge, (1L << 50) - 512, filled(1, 512));
    huge.discard(0, 1L << 50, WriteOption.NONE);
    huge.writeZeroes(0, 1L << 50, WriteOption.NONE);
    assertThat(huge.extents(0, 1L << 50))
        .containsExactly(new BlockDevice.Extent(1L << 50, true, true));
  }

  // ---- watching

  @Test
  void operationsAreCountedAndLoggedInTheOrderOfTheirEffect() throws Exception {
    write(disk, 512, new byte[1024]);
    read(disk, 0, 512);
    disk.inject(SimFault.flushes(IoFailure.MEDIUM).once());
    refused(IoFailure.MEDIUM, disk::flush);
    var written = new SimOperation(SimOperation.Kind.WRITE, 512, 1024, WriteOption.NONE);
    assertThat(disk.log())
        .isEqualTo(
            List.of(
                new SimOperation.Logged(written, Optional.empty()),
                new SimOperation.Logged(
                    new SimOperation(SimOperation.Kind.READ, 0, 512, WriteOption.NONE),
                    Optional.empty()),
                new SimOperation.Logged(
                    new SimOperation(SimOperation.Kind.FLUSH, 0, 0, WriteOption.NONE),
                    Optional.of(IoFailure.MEDIUM))));
    assertThat(written.changes(SectorRange.ofLength(2, 1))).isTrue();
    assertThat(written.changes(SectorRange.ofLength(0, 1))).isFalse();
    assertThat(disk.count(SimOperation.Kind.WRITE)).isEqualTo(1);
    assertThat(disk.count(SimOperation.Kind.ZERO)).isZero();
    disk.clearLog();
    assertThat(disk.log()).isEmpty();
    assertThat(disk.count(SimOperation.Kind.WRITE)).isZero();
  }

  @Test
  void theHookHoldsAnOperationBeforeItsEffectWithoutStoppingOthers() throws Exception {
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch let = new CountDownLatch(1);
    disk.hook(operation -> {
      if (operation.changes(SectorRange.ofLength(0, 1))) {
        held.countDown();
        awaitQuietly(let);
      }
    });
    Thread writer =
        Thread.ofPlatform()
            .start(() -> {
              try {
                write(disk, 0, filled(1, 512));
              } catch (IOException e) {
                throw new AssertionError(e);
              }
            });
    held.await();
    same(read(disk, 0, 512), new byte[512]);
    write(disk, 512, filled(2, 512));
    let.countDown();
    writer.join();
    same(read(disk, 0, 512), filled(1, 512));
    disk.hook(_ -> {
      throw new DeviceException(IoFailure.TIMEOUT, "by the hook");
    });
    refused(IoFailure.TIMEOUT, () -> write(disk, 0, filled(3, 512)));
    same(disk.peek(0, 512), filled(1, 512));
  }
}
