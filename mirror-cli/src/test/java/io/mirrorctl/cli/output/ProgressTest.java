package io.mirrorctl.cli.output;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Ticker;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private final StringWriter text = new StringWriter();
  private long seconds;

  private final Ticker ticker =
      new Ticker() {
        @Override
        public long read() {
          return TimeUnit.SECONDS.toNanos(seconds);
        }
      };

  @Test
  void aLogGetsALineForEveryTenth() {
    try (var progress = Progress.of("copy", 1000 << 20, new PrintWriter(text), false, ticker)) {
      for (int percent = 0; percent <= 100; percent++) {
        seconds = percent;
        progress.at((10L * percent) << 20);
      }
    }

    assertThat(text.toString().lines())
        .hasSize(10)
        .startsWith("copy: 10 % of 1000 MiB, 10 MiB/s, 90 s left")
        .endsWith("copy: 100 % of 1000 MiB, 10 MiB/s, 0 s left");
  }

  @Test
  void aJumpIsOneLine() {
    try (var progress = Progress.of("copy", 1000, new PrintWriter(text), false, ticker)) {
      seconds = 1;
      progress.at(555);
      progress.at(556);
    }

    assertThat(text.toString()).isEqualTo("copy: 50 % of 1000 bytes, 555 bytes/s, 1 s left\n");
  }

  @Test
  void nothingToDoIsNoProgress() {
    try (var progress = Progress.of("copy", 0, new PrintWriter(text), false, ticker)) {
      progress.at(0);
    }

    assertThat(text.toString()).isEmpty();
  }

  @Test
  void aTerminalGetsABarThatEndsItsLine() {
    try (var progress = Progress.of("copy", 100 << 20, new PrintWriter(text), true, ticker)) {
      progress.at(100 << 20);
    }

    assertThat(text.toString()).contains("\r", "copy", "100%", "MiB").endsWith("\n");
  }
}
