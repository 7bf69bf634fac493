package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FeatureTest {

  @ParameterizedTest
  @CsvSource({
    "BITMAP_OFFSET, 0x1", "RECOVERY_OFFSET, 0x2", "RESHAPE_ACTIVE, 0x4", "BAD_BLOCKS, 0x8",
    "REPLACEMENT, 0x10", "RESHAPE_BACKWARDS, 0x20", "NEW_OFFSET, 0x40", "RECOVERY_BITMAP, 0x80",
    "CLUSTERED, 0x100", "JOURNAL, 0x200", "PPL, 0x400", "MULTIPLE_PPLS, 0x800",
    "RAID0_LAYOUT, 0x1000"
  })
  void everyFeatureHasTheBitLinuxGivesIt(Feature feature, String mask) {
    assertThat(feature.mask()).isEqualTo(Integer.decode(mask));
  }

  @Test
  void allOfThemAreKnownAndNothingElse() {
    assertThat(Feature.KNOWN).isEqualTo(0x1FFF);
  }

  @Test
  void aMapIsTakenApartAndUnknownBitsAreLeftOut() {
    assertThat(Feature.in(0x80000103))
        .containsExactly(Feature.BITMAP_OFFSET, Feature.RECOVERY_OFFSET, Feature.CLUSTERED);
  }
}
