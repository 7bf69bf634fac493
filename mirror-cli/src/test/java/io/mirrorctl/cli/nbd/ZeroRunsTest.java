package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;

class ZeroRunsTest {

  @Test
  void nothingButZeroesIsOneHoleWhateverTheLength() {
    for (int length : new int[] {1, 7, 512, 4096, 5000, 1 << 20}) {
      assertThat(ZeroRuns.of(ByteBuffer.allocateDirect(length)))
          .containsExactly(new Reply.Run(0, length, true));
    }
  }

  @Test
  void aShortHoleInsideOfDataIsNotWorthAChunk() {
    ByteBuffer data = ByteBuffer.allocateDirect(64 << 10);
    data.put(0, (byte) 1).put(12 << 10, (byte) 1);
    assertThat(ZeroRuns.of(data))
        .containsExactly(
            new Reply.Run(0, 16 << 10, false), new Reply.Run(16 << 10, 48 << 10, true));
  }

  @Test
  void aByteAtTheEndOfAPageMakesItData() {
    ByteBuffer data = ByteBuffer.allocateDirect(4096);
    data.put(4095, (byte) 1);
    assertThat(ZeroRuns.of(data)).containsExactly(new Reply.Run(0, 4096, false));
  }

  @RepeatedTest(200)
  void runsCoverEverythingOnceAndHolesAreZero(RepetitionInfo repetition) {
    var random = new Random(repetition.getCurrentRepetition());
    ByteBuffer data = ByteBuffer.allocateDirect(1 + random.nextInt(8 << 20));
    for (int i = random.nextInt(200); i > 0; i--) {
      data.put(random.nextInt(data.capacity()), (byte) 1);
    }
    List<Reply.Run> runs = ZeroRuns.of(data);
    assertThat(runs.size()).isLessThanOrEqualTo(ZeroRuns.MOST_RUNS);
    int at = 0;
    for (Reply.Run run : runs) {
      assertThat(run.start()).isEqualTo(at);
      assertThat(run.length()).isPositive();
      at += run.length();
      for (int i = run.start(); run.zero() && i < at; i++) {
        if (data.get(i) != 0) {
          throw new AssertionError("byte " + i + " is not zero in " + run);
        }
      }
    }
    assertThat(at).isEqualTo(data.capacity());
  }
}
