package io.mirrorctl.core.array;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** One member fails at every operation it is ever asked for, one after the other. */
class EveryOperationFaultTest {
  private static final ArrayOptions OPTIONS = ArrayOptions.DEFAULT.withRun(true).withForce(true);

  @ParameterizedTest
  @CsvSource({
    "MEDIUM, 1, INTERNAL, 0",
    "MEDIUM, 1, INTERNAL, 1",
    "MEDIUM, 1, NONE, 1",
    "MEDIUM, 1000000, INTERNAL, 0",
    "MEDIUM, 1000000, CLUSTERED, 1",
    "GONE, 1000000, INTERNAL, 1",
    "NO_SPACE, 1, INTERNAL, 0",
    "TIMEOUT, 3, NONE, 0"
  })
  void clientsNoticeNothingAndNoDataIsLost(
      IoFailure failure, int times, BitmapKind kind, int target) throws Exception {
    int operation = 0;
    boolean hit = true;
    while (hit) {
      operation++;
      hit = run(operation, failure, times, kind, target);
    }
    assertThat(operation).as("operations of one member").isGreaterThan(15);
  }

  /** Whether the workload was so long that the fault was met. */
  private static boolean run(
      int operation, IoFailure failure, int times, BitmapKind kind, int target) throws Exception {
    List<SimDisk> disks = ArrayRig.smallDisks(2);
    ArrayRig.createArray(kind, disks);
    AtomicInteger count = new AtomicInteger();
    disks
        .get(target)
        .hook(request -> {
          int number = count.incrementAndGet();
          if (number >= operation && number < operation + times) {
            throw new DeviceException(failure, "operation %d: %s".formatted(number, request));
          }
        });
    SectorOracle oracle = new SectorOracle((1 << 20) / 512);
    try {
      work(disks, target, oracle);
    } catch (IOException | AssertionError e) {
      throw new AssertionError("operation %d of disk %d failed".formatted(operation, target), e);
    }
    boolean hit = count.get() >= operation;
    disks.get(target).hook(_ -> {});
    disks = ArrayRig.reopen(disks);
    checkData(disks, oracle, operation);
    return hit;
  }

  /** Only assembly may fail, if the member cannot even be looked at. */
  private static void work(List<SimDisk> disks, int target, SectorOracle oracle)
      throws IOException {
    LocalMirror mirror;
    try {
      mirror = ArrayRig.assemble(OPTIONS, disks);
    } catch (DeviceException | ArrayException e) {
      assertThat(e.getMessage()).contains("operation");
      return;
    }
    try (mirror) {
      write(mirror, oracle, 0, 16, WriteOption.NONE);
      write(mirror, oracle, 40, 3, WriteOption.ONLY_DURABLE);
      flush(mirror, oracle);
      zero(mirror, oracle, 8, 4);
      read(mirror, oracle, 0, 64);
      ArrayRig.awaitInSync(mirror);
      mirror.array().clearIdleBits();
      write(mirror, oracle, 1000, 24, WriteOption.NONE);
      read(mirror, oracle, 990, 60);
      zero(mirror, oracle, 1002, 3);
      flush(mirror, oracle);
      mirror.array().clearIdleBits();
      write(mirror, oracle, 1, 1, WriteOption.NONE);
      assertThat(ArrayRig.state(mirror, disks.get(1 - target)))
          .isInstanceOf(MemberState.InSync.class);
    }
  }

  private static void write(
      LocalMirror mirror, SectorOracle oracle, int first, int count, Set<WriteOption> options)
      throws IOException {
    mirror.device().write(first * 512L, oracle.issue(first, count, false), options);
    oracle.acknowledge(first, count, !options.isEmpty());
  }

  private static void zero(LocalMirror mirror, SectorOracle oracle, int first, int count)
      throws IOException {
    oracle.issue(first, count, true);
    mirror.device().writeZeroes(first * 512L, count * 512L, WriteOption.NONE);
    oracle.acknowledge(first, count, false);
  }

  private static void flush(LocalMirror mirror, SectorOracle oracle) throws IOException {
    int[] before = oracle.beforeFlush();
    mirror.flush();
    oracle.flushed(before);
  }

  private static void read(LocalMirror mirror, SectorOracle oracle, int first, int count)
      throws IOException {
    int[] least = oracle.beforeRead(first, count);
    oracle.sawAll(first, ArrayRig.read(mirror, first * 512L, count * 512), least);
  }

  private static void checkData(List<SimDisk> disks, SectorOracle oracle, int operation)
      throws IOException {
    try (LocalMirror mirror = ArrayRig.assemble(OPTIONS, disks)) {
      byte[] data = ArrayRig.read(mirror, 0, oracle.sectors() * 512);
      oracle.checkAfterProgramDied(data);
      for (SimDisk disk : disks) {
        if (ArrayRig.state(mirror, disk) instanceof MemberState.Faulty) {
          mirror.array().members().reAdd(disk.name());
        }
      }
      ArrayRig.awaitInSync(mirror);
      assertThat(mirror.array().status().degraded()).as("after operation %d", operation).isFalse();
    }
    List<SimDisk> closed = ArrayRig.reopen(disks);
    ArrayRig.assertEqualData(closed.get(0), closed.get(1));
  }
}
