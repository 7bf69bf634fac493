package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.block.SectorRange;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.BitSet;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class BadBlockLogTest {
  private static final long DEVICE_SECTORS = 1 << 20;

  private static BadBlockLog log(long... startsAndEnds) {
    var ranges = ImmutableList.<SectorRange>builder();
    for (int i = 0; i < startsAndEnds.length; i += 2) {
      ranges.add(new SectorRange(startsAndEnds[i], startsAndEnds[i + 1]));
    }
    return BadBlockLog.of(ranges.build());
  }

  private static ByteBuffer entries(long... entries) {
    ByteBuffer b = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    for (long entry : entries) {
      b.putLong(entry);
    }
    while (b.hasRemaining()) {
      b.putLong(-1);
    }
    return b.flip();
  }

  private static BadBlockLogRead decode(ByteBuffer bytes, int shift) {
    return BadBlockLog.decode(bytes, shift, DEVICE_SECTORS);
  }

  @Test
  void aLogIsReadAndWrittenAsWrittenDownByHand() {
    ByteBuffer vector = GoldenVector.read("bad-blocks", 512);
    BadBlockLog log = log(1000, 1008, 4096, 4609);
    assertThat(decode(vector, 0)).isEqualTo(new BadBlockLogRead.Valid(log));
    ByteBuffer encoded = log.encode(0, 8);
    assertThat(encoded.remaining()).isEqualTo(4096);
    assertThat(encoded.slice(0, 32)).isEqualTo(vector.slice(0, 32));
    while (encoded.hasRemaining()) {
      encoded.position(Math.max(24, encoded.position()));
      assertThat(encoded.getLong()).isEqualTo(-1);
    }
  }

  @Test
  void theUnitIsSectorsShiftedLeft() {
    assertThat(decode(entries(100 << 10 | 2), 3))
        .isEqualTo(new BadBlockLogRead.Valid(log(800, 816)));
    assertThat(log(800, 816).encode(3, 8)).isEqualTo(entries(100 << 10 | 2));
  }

  @Test
  void rangesThatDoNotFillAUnitAreWidenedNotLost() {
    assertThat(decode(log(801, 809).encode(3, 8), 3))
        .isEqualTo(new BadBlockLogRead.Valid(log(800, 816)));
  }

  @Test
  void aFullLogNeedsNoEndMark() {
    long[] all = new long[512];
    for (int i = 0; i < all.length; i++) {
      all[i] = (i * 2L) << 10 | 1;
    }
    var read = (BadBlockLogRead.Valid) decode(entries(all), 0);
    assertThat(read.log().ranges()).hasSize(512);
    assertThat(read.log().encode(0, 8)).isEqualTo(entries(all));
    assertThat(read.log().fits(0, 8)).isTrue();
    BadBlockLog more = read.log().with(new SectorRange(5000, 5001));
    assertThat(more.fits(0, 8)).isFalse();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> more.encode(0, 8))
        .withMessage("513 bad blocks do not fit into a log of 8 sectors");
  }

  @Test
  void anEntryThatCannotBeRightIsNamed() {
    assertThat(decode(entries(1000 << 10 | 8, 2000 << 10), 0))
        .isEqualTo(
            new BadBlockLogRead.Corrupt("bad block entry 1", "a length of at least 1", "2000+0"));
    assertThat(decode(entries(((1 << 20) - 4L) << 10 | 5), 0))
        .isEqualTo(
            new BadBlockLogRead.Corrupt(
                "bad block entry 0", "a place on the device", "1048572+5, shift 0"));
    assertThat(decode(entries(((1 << 20) - 4L) << 10 | 4), 0))
        .isInstanceOf(BadBlockLogRead.Valid.class);
    assertThat(decode(entries(((1 << 17) - 4L) << 10 | 4), 3))
        .isInstanceOf(BadBlockLogRead.Valid.class);
    assertThat(decode(entries(((1 << 17) - 4L) << 10 | 5), 3))
        .isInstanceOfSatisfying(
            BadBlockLogRead.Corrupt.class,
            c ->
                assertThat(c.toString())
                    .isEqualTo(
                        "bad-block log is corrupt: bad block entry 0 is 131068+5, shift 3, expected"
                            + " a place on the device"));
    assertThat(decode(entries(-2), 0)).isInstanceOf(BadBlockLogRead.Corrupt.class);
    assertThat(decode(entries(1L << 62 | 1), 53)).isInstanceOf(BadBlockLogRead.Corrupt.class);
    assertThat(decode(entries(), 53)).isEqualTo(new BadBlockLogRead.Valid(BadBlockLog.EMPTY));
    assertThat(decode(entries(), 54))
        .isInstanceOfSatisfying(
            BadBlockLogRead.Corrupt.class, c -> assertThat(c.field()).isEqualTo("bblog_shift"));
  }

  @Property(tries = 300)
  void everyLogThatFitsIsDecodedAgain(
      @ForAll @Size(max = 40) List<@IntRange(max = 50_000) Integer> starts,
      @ForAll @IntRange(min = 1, max = 3000) int length) {
    var log = BadBlockLog.of(starts.stream().map(s -> SectorRange.ofLength(s, length)).toList());
    assertThat(decode(log.encode(0, 8), 0)).isEqualTo(new BadBlockLogRead.Valid(log));
  }

  @Property(tries = 300)
  void addingAndRemovingIsAsForASetOfSectors(
      @ForAll @Size(max = 20) List<@IntRange(max = 300) Integer> starts,
      @ForAll @IntRange(min = 1, max = 50) int length) {
    BadBlockLog log = BadBlockLog.EMPTY;
    BitSet model = new BitSet();
    boolean add = true;
    for (int start : starts) {
      SectorRange range = SectorRange.ofLength(start, length);
      log = add ? log.with(range) : log.without(range);
      model.set(start, start + length, add);
      add = !add;
    }
    for (int sector = 0; sector < 400; sector++) {
      assertThat(log.overlaps(SectorRange.ofLength(sector, 1))).isEqualTo(model.get(sector));
    }
    assertThat(log.isEmpty()).isEqualTo(model.isEmpty());
  }

  @Test
  void anImpossibleUnitIsNotWritten() {
    assertThatIllegalArgumentException().isThrownBy(() -> BadBlockLog.EMPTY.encode(54, 8));
    assertThatIllegalArgumentException().isThrownBy(() -> BadBlockLog.EMPTY.encode(-1, 8));
  }

  @Test
  void rangesOutOfOrderAreNoLog() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> new BadBlockLog(ImmutableList.of(new SectorRange(5, 9), new SectorRange(9, 10))));
  }
}
