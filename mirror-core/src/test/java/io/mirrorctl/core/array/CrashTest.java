package io.mirrorctl.core.array;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.format.BitmapKind;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@link CrashRun} for many seeds, and for arrays with a planted bug, which it has to notice. */
class CrashTest {
  private static final Logger SYNC = Logger.getLogger("io.mirrorctl.core.resync.SyncThread");
  private static final long DATA_START = 1 << 20;
  private static final long SLOTS_START = 8192;

  @BeforeAll
  static void saysNothingOfDeadDisks() {
    SYNC.setLevel(Level.OFF);
  }

  @AfterAll
  static void speaksAgain() {
    SYNC.setLevel(null);
  }

  private static BitmapKind kind(long seed) {
    return switch ((int) (seed % 3)) {
      case 0 -> BitmapKind.INTERNAL;
      case 1 -> BitmapKind.CLUSTERED;
      default -> BitmapKind.NONE;
    };
  }

  private static void runAll(LongStream seeds, CrashRun.End end) {
    seeds.forEach(seed -> new CrashRun(seed, end, kind(seed), UnaryOperator.identity()).run());
  }

  @ParameterizedTest
  @EnumSource
  void everyPromiseIsKeptAfterACrashAtAnyMoment(CrashRun.End end) {
    runAll(LongStream.range(0, 150), end);
  }

  @Tag("nightly")
  @ParameterizedTest
  @EnumSource
  void everyPromiseIsKeptAfterThousandsOfCrashes(CrashRun.End end) {
    runAll(LongStream.range(1000, 21_000), end);
  }

  private static Optional<String> complaint(
      BitmapKind kind, int seeds, UnaryOperator<BlockDevice> planted) {
    for (long seed = 0; seed < seeds; seed++) {
      try {
        new CrashRun(seed, CrashRun.End.POWER, kind, planted).run();
      } catch (AssertionError e) {
        return Optional.of(e.getMessage());
      }
    }
    return Optional.empty();
  }

  @Test
  void aFlushThatIsLeftOutIsNoticed() {
    assertThat(complaint(BitmapKind.INTERNAL, 100, disk -> new LazyDisk(disk, false, _ -> true)))
        .isPresent();
  }

  @Test
  void aBitThatIsNotDurableBeforeItsDataIsNoticed() {
    assertThat(
            complaint(
                BitmapKind.INTERNAL,
                100,
                disk -> new LazyDisk(disk, true, at -> at < SLOTS_START || at >= DATA_START)))
        .hasValueSatisfying(message -> assertThat(message).contains("differ in chunk"));
  }

  @Test
  void aDurableWriteThatIsNotIsNoticed() {
    assertThat(
            complaint(
                BitmapKind.INTERNAL, 100, disk -> new LazyDisk(disk, true, at -> at < DATA_START)))
        .hasValueSatisfying(message -> assertThat(message).contains("sector"));
  }
}
