package io.mirrorctl.cli.output;

import java.util.Locale;

/** Spans of time for people. */
public final class TimeSpan {
  private static final long SECOND = 1000;
  private static final long MINUTE = 60 * SECOND;
  private static final long HOUR = 60 * MINUTE;
  private static final long DAY = 24 * HOUR;

  private TimeSpan() {}

  /** {@code 850 ms}, {@code 12.3 s}, {@code 4:05 min}, {@code 3:04 h} or {@code 2 d 3 h}. */
  public static String text(long millis) {
    if (millis < SECOND) {
      return millis + " ms";
    }
    if (millis < MINUTE) {
      return String.format(Locale.ROOT, "%d.%d s", millis / SECOND, millis % SECOND / 100);
    }
    if (millis < HOUR) {
      return "%d:%02d min".formatted(millis / MINUTE, millis % MINUTE / SECOND);
    }
    if (millis < DAY) {
      return "%d:%02d h".formatted(millis / HOUR, millis % HOUR / MINUTE);
    }
    return "%d d %d h".formatted(millis / DAY, millis % DAY / HOUR);
  }
}
