package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.mirrorctl.core.array.ClusterPort.Window;
import io.mirrorctl.core.block.SectorRange;
import java.util.ArrayList;
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
  void theMaskCoversWhatIsCopiedAndNoGranuleInWhichNothingIs() {
    long seed = Long.getLong("message.seed", System.nanoTime());
    var random = new SplittableRandom(seed);
    for (int i = 0; i < 5_000; i++) {
      var older = Window.of(SectorRange.ofLength(random.nextInt(100), 1 + random.nextInt(100)));
      var parts = new ArrayList<SectorRange>();
      long at = 300L + random.nextInt(100);
      for (int n = 1 + random.nextInt(20); n > 0; n--) {
        parts.add(SectorRange.ofLength(at, 1 + random.nextInt(90)));
        at = parts.getLast().end() + 1 + random.nextInt(200);
      }
      var newer = new Window(parts);
      var windows = ResyncWindows.of(random.nextBoolean() ? List.of(newer) : List.of(older, newer));

      long granule = ResyncWindows.granuleSectors(newer.range().length());
      for (long sector = 0; sector < at + 10; sector++) {
        long start = newer.range().start() + (sector - newer.range().start()) / granule * granule;
        var around = newer.range().intersection(SectorRange.ofLength(start, granule));
        boolean meant =
            newer.range().contains(SectorRange.ofLength(sector, 1))
                && parts.stream().anyMatch(around::overlaps);
        var one = SectorRange.ofLength(sector, 1);
        assertThat(windows.lastParts().stream().anyMatch(part -> part.contains(one)))
            .as("seed %d: sector %d of %s in %s", seed, sector, parts, windows)
            .isEqualTo(meant);
      }
      assertThat(new Window(windows.lastParts()).range()).isEqualTo(newer.range());
    }
  }
}
