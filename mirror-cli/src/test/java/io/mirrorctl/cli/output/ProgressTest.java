package io.mirrorctl.cli.output;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Ticker;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private final StringWriter text = new StringWriter();
  private long millis;

  private final Ticker ticker =
      new Ticker() {
        @Override
        public long read() {
          return TimeUnit.MILLISECONDS.toNanos(millis);
        }
      };

  private Progress progress(boolean terminal) {
    return new Progress(new PrintWriter(text), terminal, ticker);
  }

  private ByteProgress bytes(long total, boolean terminal) {
    return new ByteProgress(progress(terminal), "copy", total, ticker);
  }

  @Test
  void aLogGetsALineForEveryTenth() {
    try (var progress = bytes(1000 << 20, false)) {
      for (int percent = 0; percent <= 100; percent++) {
        millis = 1000L * percent;
        progress.at((10L * percent) << 20);
      }
    }

    assertThat(text.toString().lines())
        .hasSize(10)
        .startsWith("copy of 1000 MiB: 10 %, 10 MiB/s, 1:30 min left")
        .endsWith("copy of 1000 MiB: 100 %, 10 MiB/s, 0 s left");
  }

  @Test
  void aJumpIsOneLine() {
    try (var progress = bytes(1000, false)) {
      millis = 1000;
      progress.at(555);
      progress.at(556);
    }

    assertThat(text.toString()).isEqualTo("copy of 1000 bytes: 50 %, 555 bytes/s, 1 s left\n");
  }

  @Test
  void nothingToDoIsNoProgress() {
    for (boolean terminal : List.of(false, true)) {
      try (var progress = bytes(0, terminal)) {
        progress.at(0);
      }
    }

    assertThat(text.toString()).isEmpty();
  }

  @Test
  void workThatFollowsGetsItsLinesToo() {
    try (var progress = progress(false)) {
      progress.at("resync", 55.5, "x");
      progress.at("recovery", 52, "y");
      progress.at("recovery", 11, "once more");
      progress.at("recovery", 19.9, "z");
    }

    assertThat(text.toString().lines())
        .containsExactly("resync: 50 %, x", "recovery: 50 %, y", "recovery: 10 %, once more");
  }

  @Test
  void aTerminalGetsABarThatEndsItsLine() {
    try (var progress = bytes(100 << 20, true)) {
      millis = 1000;
      progress.at(25 << 20);
      millis = 2000;
      progress.at(100 << 20);
    }

    assertThat(text.toString())
        .isEqualTo(
            "\r[#####...............]  25 % copy of 100 MiB, 25 MiB/s, 3 s left\033[K"
                + "\r[####################] 100 % copy of 100 MiB, 50 MiB/s, 0 s left\033[K\n");
  }

  @Test
  void aTerminalIsNotFlooded() {
    try (var progress = bytes(1000, true)) {
      for (int i = 0; i < 1000; i++) {
        millis = i;
        progress.at(i);
      }
    }

    assertThat(text.toString().chars().filter(c -> c == '\r')).hasSize(11);
    assertThat(text.toString()).contains("\r[###################.]  99 % copy");
  }

  @Test
  void aLineFitsOnTheTerminal() {
    try (var progress = progress(true)) {
      progress.at("check", 10, "long ".repeat(100));
    }

    assertThat(text.toString().replace("\033[K", "").strip()).hasSizeLessThan(80);
  }

  @Test
  void timesAreForPeople() {
    assertThat(List.of(59L, 60L, 3599L, 3600L, 90_000L))
        .extracting(ByteProgress::timeLeft)
        .containsExactly(
            "59 s left", "1:00 min left", "59:59 min left", "1:00 h left", "25:00 h left");
  }
}
