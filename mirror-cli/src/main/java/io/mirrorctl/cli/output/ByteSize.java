package io.mirrorctl.cli.output;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A size as users type it: a number with K, M, G or T (1024-based), or {@code max}.
 *
 * @param bytes the size; {@link Long#MAX_VALUE} for {@code max}
 */
public record ByteSize(long bytes) {
  /** As large as possible. */
  public static final ByteSize MAX = new ByteSize(Long.MAX_VALUE);

  private static final Pattern FORM = Pattern.compile("(\\d{1,18})(?:([kmgt])(?:i?b)?|b)?");
  private static final String UNITS = "kmgt";
  private static final String[] NAMES = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

  /**
   * Reads a size.
   *
   * @throws IllegalArgumentException if the text is none
   */
  public static ByteSize parse(String text) {
    String lower = text.strip().toLowerCase(Locale.ROOT);
    if (lower.equals("max")) {
      return MAX;
    }
    Matcher form = FORM.matcher(lower);
    if (!form.matches()) {
      throw new IllegalArgumentException(
          "\"%s\" is no size: a number is expected, with K, M, G or T behind it, or max"
              .formatted(text));
    }
    int shift = form.group(2) == null ? 0 : 10 * (1 + UNITS.indexOf(form.group(2)));
    long number = Long.parseLong(form.group(1));
    if (number > (Long.MAX_VALUE - 1) >> shift) {
      throw new IllegalArgumentException("the size %s is too large".formatted(text));
    }
    return new ByteSize(number << shift);
  }

  public boolean isMax() {
    return bytes == Long.MAX_VALUE;
  }

  /** For people. */
  @Override
  public String toString() {
    return isMax() ? "max" : text(bytes);
  }

  /** A number of bytes for people: {@code 512 bytes}, {@code 64 MiB}, {@code 10.3 GiB}. */
  public static String text(long bytes) {
    int unit = 0;
    while (unit < NAMES.length - 1 && bytes >>> (10 * (unit + 1)) != 0) {
      unit++;
    }
    long one = 1L << (10 * unit);
    if (bytes % one == 0) {
      return "%d %s".formatted(bytes / one, bytes == 1 ? "byte" : NAMES[unit]);
    }
    return String.format(Locale.ROOT, "%.1f %s", (double) bytes / one, NAMES[unit]);
  }
}
