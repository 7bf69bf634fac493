package io.mirrorctl.cli.output;

/** Text from disks and networks made safe for a terminal. */
public final class PlainText {
  private PlainText() {}

  /** The text with control characters, and halves of characters, written as {@code \x1b}. */
  public static String of(String text) {
    if (text.codePoints().allMatch(PlainText::isPlain)) {
      return text;
    }
    var plain = new StringBuilder(text.length() + 16);
    text.codePoints()
        .forEach(point -> {
          if (isPlain(point)) {
            plain.appendCodePoint(point);
          } else {
            plain.append("\\x%02x".formatted(point));
          }
        });
    return plain.toString();
  }

  private static boolean isPlain(int point) {
    int type = Character.getType(point);
    return type != Character.CONTROL
        && type != Character.SURROGATE
        && type != Character.FORMAT
        && type != Character.LINE_SEPARATOR
        && type != Character.PARAGRAPH_SEPARATOR;
  }
}
