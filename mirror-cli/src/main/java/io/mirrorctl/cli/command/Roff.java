package io.mirrorctl.cli.command;

import java.util.List;
import java.util.Locale;

/** A page in the language of {@code man(7)}. Text is taken as it is: nothing in it is a request. */
final class Roff {
  private final StringBuilder out = new StringBuilder();

  Roff(String name, String section) {
    line(
        ".TH \"%s\" \"%s\" \"\" \"mirrorctl\" \"mirrorctl manual\""
            .formatted(escaped(name.toUpperCase(Locale.ROOT)), section));
    line(".ad l"); // names of disks are long, and justified lines get holes
    line(".nh");
  }

  /** Begins a section. */
  void section(String title) {
    line(".SH \"" + title + "\"");
  }

  /** A paragraph of plain text. */
  void paragraph(String text) {
    line(".PP");
    line(atLineStart(escaped(text)));
  }

  /**
   * What something is.
   *
   * @param heading made by {@link #bold} and {@link #italic}
   * @param paragraphs of plain text
   */
  void entry(String heading, List<String> paragraphs) {
    line(".TP");
    line(atLineStart(heading));
    for (int i = 0; i < paragraphs.size(); i++) {
      if (i > 0) {
        line(".IP");
      }
      line(atLineStart(escaped(paragraphs.get(i))));
    }
  }

  /** Lines of plain text that stay lines. */
  void lines(List<String> lines) {
    line(".nf");
    lines.forEach(text -> line(atLineStart(escaped(text))));
    line(".fi");
  }

  /** Text to be typed. */
  static String bold(String text) {
    return "\\fB" + escaped(text) + "\\fR";
  }

  /** Text that stands for something else. */
  static String italic(String text) {
    return "\\fI" + escaped(text) + "\\fR";
  }

  /** The page. */
  String text() {
    return out.toString();
  }

  private void line(String text) {
    out.append(text).append('\n');
  }

  /** What is copied out of a page is what was meant: a minus and no hyphen, a straight quote. */
  private static String escaped(String text) {
    return text.replace("\\", "\\e")
        .replace("-", "\\-")
        .replace("~", "\\(ti")
        .replace("^", "\\(ha")
        .replace("'", "\\(aq")
        .replace("`", "\\(ga")
        .replace("\n", " ");
  }

  private static String atLineStart(String text) {
    return text.startsWith(".") || text.startsWith("'") ? "\\&" + text : text;
  }
}
