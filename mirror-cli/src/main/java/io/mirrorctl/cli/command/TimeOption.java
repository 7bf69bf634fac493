package io.mirrorctl.cli.command;

import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A span of time as people write it: {@code 30s}, {@code 5m}, {@code 2h}, {@code 500ms}. */
final class TimeOption {
  private static final Pattern TIME = Pattern.compile("([0-9]{1,9})(ms|s|m|h)?");

  private TimeOption() {}

  /**
   * The time; without a unit it is seconds.
   *
   * @param option for the message
   * @throws IllegalArgumentException if it is none
   */
  static Duration parse(String option, String text) {
    Matcher time = TIME.matcher(text.toLowerCase(Locale.ROOT));
    if (!time.matches()) {
      throw new IllegalArgumentException(
          "%s takes a time as 30s, 5m, 2h or 500ms, not %s".formatted(option, text));
    }
    long number = Long.parseLong(time.group(1));
    return switch (time.group(2)) {
      case "ms" -> Duration.ofMillis(number);
      case "m" -> Duration.ofMinutes(number);
      case "h" -> Duration.ofHours(number);
      case null, default -> Duration.ofSeconds(number);
    };
  }
}
