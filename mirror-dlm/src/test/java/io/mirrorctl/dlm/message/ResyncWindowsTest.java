package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.mirrorctl.core.block.SectorRange;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ResyncWindowsTest {

  @Test
  void aGranuleIsTheSmallestPowerOfTwoOfWhich256CoverTheWindow() {
    assertThat(ResyncWindows.granuleSectors(1)).isEqualTo(1);
    assertThat(ResyncWindows.granuleSectors(256)).isEqualTo(1);
    assertThat(ResyncWindows.granuleSectors(257)).isEqualTo(2);
    assertThat(ResyncWindows.granuleSectors(65536)).isEqualTo(256);
    assertThat(ResyncWindows.granuleSectors(65537)).isEqualTo(512);
    assertThat(ResyncWindows.granuleSectors(ResyncWindows.MAX_SECTORS)).isEqualTo(1 << 24);
  }

  @Test
  void aWindowThatCannotBeIsNotTaken() {
    var range = new SectorRange(0, 100);
    assertThatIllegalArgumentException().isThrownBy(ResyncWindows::of);
    assertThatIllegalArgumentException().isThrownBy(() -> ResyncWindows.of(new SectorRange(7, 7)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ResyncWindows.of(new SectorRange(0, 1L << 32)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ResyncWindows.of(range, new SectorRange(99, 200)))
        .withMessageContaining("overlap");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> ResyncWindows.of(range, new SectorRange(100, 101), new SectorRange(200, 201)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new ResyncWindows(List.of(range), Bits256.of(100)))
        .withMessageContaining("beyond");
  }

  @Test
  void whatTheWindowsTouchIsWhatAnySectorOfThemTouches() {
    long seed = Long.getLong("message.seed", 20261120);
    var random = new SplittableRandom(seed);
    for (int i = 0; i < 20_000; i++) {
      var older = SectorRange.ofLength(random.nextInt(100), 1 + random.nextInt(100));
      var newer = SectorRange.ofLength(300 + random.nextInt(100), 1 + random.nextInt(600));
      long granule = ResyncWindows.granuleSectors(newer.length());
      int granules = (int) Math.ceilDiv(newer.length(), granule);
      var mask =
          random.nextInt(4) == 0
              ? Bits256.NONE
              : Bits256.of(random.nextInt(granules), random.nextInt(granules));
      var windows =
          random.nextBoolean()
              ? new ResyncWindows(List.of(newer), mask)
              : new ResyncWindows(List.of(older, newer), mask);
      var asked = SectorRange.ofLength(random.nextInt(1100), random.nextInt(200));

      boolean touched = false;
      for (long sector = asked.start(); sector < asked.end(); sector++) {
        boolean old =
            windows.ranges().size() == 2 && older.start() <= sector && sector < older.end();
        boolean young =
            newer.start() <= sector
                && sector < newer.end()
                && (mask.isEmpty() || mask.contains((int) ((sector - newer.start()) / granule)));
        touched |= old || young;
      }
      assertThat(windows.touches(asked))
          .as("seed %d: %s touches %s", seed, windows, asked)
          .isEqualTo(touched);
    }
  }
}
