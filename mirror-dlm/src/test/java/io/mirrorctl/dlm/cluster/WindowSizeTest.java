package io.mirrorctl.dlm.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class WindowSizeTest {
  private static final long LEAST = (32L << 20) / 512;
  private final WindowSize size = new WindowSize();

  private void window(long announcing, long copying) {
    size.announced(announcing);
    size.copied(copying);
  }

  @Test
  void itGrowsUntilAnnouncingIsATwentiethOfTheTime() {
    assertThat(size.sectors()).isEqualTo(LEAST);
    window(10, 100);
    assertThat(size.sectors()).isEqualTo(2 * LEAST);
    window(10, 190);
    assertThat(size.sectors()).isEqualTo(2 * LEAST);
  }

  @Test
  void itNeverPassesAGibibyte() {
    for (int i = 0; i < 100; i++) {
      window(10, 0);
    }
    assertThat(size.sectors()).isEqualTo((1L << 30) / 512);
  }

  @Test
  void itShrinksAgainWhenAnnouncingIsQuick() {
    window(10, 0);
    window(10, 0);
    window(1, 1000);
    assertThat(size.sectors()).isEqualTo(2 * LEAST);
    window(1, 1000);
    window(1, 1000);
    assertThat(size.sectors()).isEqualTo(LEAST);
  }
}
