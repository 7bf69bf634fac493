package io.mirrorctl.core.resync;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class WindowSizeTest {
  private static final long MILLI = 1_000_000;
  private static final long BOUND = WindowSize.BOUND_NANOS;
  private final WindowSize size = new WindowSize();

  /** What is copied, at so many sectors a millisecond, until the size does not change any more. */
  private void settle(long speed, long announcing) {
    for (int i = 0; i < 50; i++) {
      size.announced(announcing);
      size.copied(size.sectors(), size.sectors() * MILLI / speed);
    }
  }

  @Test
  void twoWindowsAndAnAnnouncementTakeAsLongAsAWriteMayWait() {
    for (long speed : new long[] {100, 1000, 10_000}) {
      for (long announcing : new long[] {MILLI, 10 * MILLI, 40 * MILLI}) {
        settle(speed, announcing);
        long copying = size.sectors() * MILLI / speed;
        assertThat(2 * copying + announcing)
            .as("%s sectors/ms, announced in %s ns", speed, announcing)
            .isBetween(BOUND * 9 / 10, BOUND);
      }
    }
  }

  @Test
  void whenAnnouncingTakesTooLongThereIsStillSomethingToCopyBetweenAnnouncements() {
    settle(1000, 3 * BOUND);
    assertThat(size.sectors()).isBetween(24_000L, 25_000L); // a quarter of the bound
  }

  @Test
  void itShrinksAtOnceAndGrowsByDoubling() {
    settle(1000, MILLI);
    long before = size.sectors();
    size.copied(before, before * MILLI / 10);
    assertThat(size.sectors()).isBetween(before / 101, before / 99);
    long slow = size.sectors();
    size.copied(slow, slow * MILLI / 1000);
    assertThat(size.sectors()).isEqualTo(2 * slow);
    size.copied(1, 60_000 * MILLI);
    assertThat(size.sectors()).isEqualTo(WindowSize.LEAST);
  }
}
