package io.mirrorctl.cli.command;

import com.google.common.collect.ImmutableList;

/**
 * The value of {@code --assemble}: {@code NAME=DISK,DISK}. In a disk's name a backslash takes the
 * meaning from a comma or backslash behind it; an equals sign has none behind the first.
 *
 * @param disks as they were typed, without the backslashes
 */
record AssembleOption(String name, ImmutableList<String> disks) {
  private static final char ESCAPE = '\\';
  private static final char SEPARATOR = ',';

  /**
   * Takes the text apart.
   *
   * @throws IllegalArgumentException with what is wrong with it
   */
  static AssembleOption parse(String text) {
    int equals = text.indexOf('=');
    if (equals < 1 || equals == text.length() - 1) {
      throw refused(text, "takes NAME=DISK,DISK");
    }
    var disks = ImmutableList.<String>builder();
    var disk = new StringBuilder();
    for (int at = equals + 1; at < text.length(); at++) {
      char c = text.charAt(at);
      if (c == SEPARATOR) {
        disks.add(disk.toString());
        disk.setLength(0);
      } else if (c != ESCAPE) {
        disk.append(c);
      } else if (at + 1 < text.length() && isEscaped(text.charAt(at + 1))) {
        at++;
        disk.append(text.charAt(at));
      } else {
        throw refused(
            text, "takes a backslash only before a comma or backslash that belongs to a disk");
      }
    }
    return new AssembleOption(text.substring(0, equals), disks.add(disk.toString()).build());
  }

  private static boolean isEscaped(char c) {
    return c == SEPARATOR || c == ESCAPE;
  }

  private static IllegalArgumentException refused(String text, String why) {
    return new IllegalArgumentException("--assemble %s, not %s".formatted(why, text));
  }
}
