package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimFault;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.format.BadBlockLog;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ComparisonTest {
  private static final int SIZE = 8 << 20;
  private static final int DATA_OFFSET = 8;
  private static final int DATA_BYTES = SIZE - DATA_OFFSET * 512;

  private final byte[] content = new byte[SIZE];

  private List<SimDisk> disks(int count, int block) {
    new SplittableRandom(1).nextBytes(content);
    var disks = new ArrayList<SimDisk>();
    for (int i = 0; i < count; i++) {
      var disk = new SimDisk("disk" + i, SIZE, block);
      disk.corrupt(0, content);
      disks.add(disk);
    }
    return disks;
  }

  private static Comparison.Result compare(List<SimDisk> disks, BadBlockLog... logs)
      throws IOException {
    var members = new ArrayList<MemberData>();
    for (int i = 0; i < disks.size(); i++) {
      members.add(
          new MemberData(disks.get(i), DATA_OFFSET, i < logs.length ? logs[i] : BadBlockLog.EMPTY));
    }
    return new Comparison(members, DATA_BYTES, Runnable::run).run(_ -> {});
  }

  private static SectorRange onDevice(long arraySector, int length) {
    return SectorRange.ofLength(DATA_OFFSET + arraySector, length);
  }

  private static List<String> found(Comparison.Result result) {
    return result.ranges().stream()
        .map(range -> range.sectors() + " " + Arrays.toString(range.groups().toArray()))
        .toList();
  }

  @Test
  void sectorsThatCannotBeReadAreFoundOneByOneAndTheRestIsCompared() throws IOException {
    List<SimDisk> disks = disks(2, 512);
    disks.get(0).inject(SimFault.reads(onDevice(0, 1), IoFailure.MEDIUM));
    disks.get(0).inject(SimFault.reads(onDevice(8191, 3), IoFailure.MEDIUM)); // across pieces
    disks.get(1).inject(SimFault.reads(onDevice(9000, 1), IoFailure.MEDIUM));
    disks.get(1).corrupt((DATA_OFFSET + 9001) * 512, new byte[512]);
    disks.get(1).corrupt((DATA_OFFSET + 16375) * 512, new byte[512]);

    Comparison.Result result = compare(disks);

    assertThat(found(result))
        .containsExactly(
            "0..0 [-1, 1]",
            "8191..8193 [-1, 1]",
            "9000..9000 [0, -1]",
            "9001..9001 [0, 1]",
            "16375..16375 [0, 1]");
    assertThat(result.identical()).isFalse();
    assertThat(result.differingSectors()).isEqualTo(2);
    assertThat(result.unreadSectors()).isEqualTo(5);
    assertThat(result.differingRanges()).isEqualTo(2);
  }

  @Test
  void aBlockThatCannotBeReadCountsWithAllItsSectors() throws IOException {
    List<SimDisk> disks = disks(2, 4096);
    disks.get(1).inject(SimFault.reads(onDevice(803, 1), IoFailure.MEDIUM));

    assertThat(found(compare(disks))).containsExactly("800..807 [0, -1]");
  }

  @Test
  void membersThatCanBeReadAreComparedWhereAnotherCannot() throws IOException {
    List<SimDisk> disks = disks(3, 512);
    disks.get(0).inject(SimFault.reads(onDevice(40, 2), IoFailure.MEDIUM));
    disks.get(2).corrupt((DATA_OFFSET + 41) * 512, new byte[512]);

    Comparison.Result result = compare(disks);

    assertThat(found(result)).containsExactly("40..40 [-1, 1, 1]", "41..41 [-1, 1, 2]");
    assertThat(result.ranges().getFirst().isDifferent()).isFalse();
    assertThat(result.ranges().getLast().isDifferent()).isTrue();
  }

  @Test
  void badBlocksAreNotEvenRead() throws IOException {
    List<SimDisk> disks = disks(2, 512);
    SectorRange bad = onDevice(100, 20);
    disks.get(1).corrupt(bad.startBytes(), new byte[(int) bad.lengthBytes()]);
    disks
        .get(1)
        .hook(operation -> {
          if (operation.kind() == SimOperation.Kind.READ
              && SectorRange.coveringBytes(operation.offset(), operation.length()).overlaps(bad)) {
            throw new AssertionError("read " + operation);
          }
        });

    Comparison.Result result = compare(disks, BadBlockLog.EMPTY, BadBlockLog.of(List.of(bad)));

    assertThat(found(result)).containsExactly("100..119 [0, -2]");
    assertThat(result.differingSectors()).isZero();
    assertThat(result.unreadSectors()).isEqualTo(20);
  }

  @Test
  void badBlocksInAHoleAreNotSkipped() throws IOException {
    var disks = List.of(new SimDisk("a", SIZE, 512), new SimDisk("b", SIZE, 512));

    Comparison.Result result = compare(disks, BadBlockLog.of(List.of(onDevice(1000, 1))));

    assertThat(found(result)).containsExactly("1000..1000 [-2, 1]");
    assertThat(result.skippedBytes()).isPositive();
  }

  @Test
  void aDiskThatIsDyingIsReadInFewRequests() throws IOException {
    List<SimDisk> disks = disks(2, 512);
    disks.get(0).inject(SimFault.reads(new SectorRange(0, SIZE / 512), IoFailure.MEDIUM));

    assertThat(found(compare(disks))).containsExactly("0..16375 [-1, 1]");
    assertThat(disks.get(0).count(SimOperation.Kind.READ)).isLessThan(10_000);
  }

  @Test
  void aDiskThatIsGoneEndsTheComparison() {
    List<SimDisk> disks = disks(2, 512);
    disks.get(0).inject(SimFault.reads(onDevice(3, 1), IoFailure.GONE));

    assertThatThrownBy(() -> compare(disks))
        .isInstanceOfSatisfying(
            DeviceException.class, e -> assertThat(e.failure()).isEqualTo(IoFailure.GONE));
  }
}
