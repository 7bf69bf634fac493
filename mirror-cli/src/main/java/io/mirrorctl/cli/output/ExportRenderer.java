package io.mirrorctl.cli.output;

import com.google.common.base.CaseFormat;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * Prints reports as shell variables. Keys are joined by underscores, the places in lists are
 * numbers: {@code MD_MEMBERS_0_PATH=/dev/sda}. A fact that is not known is an empty variable.
 */
final class ExportRenderer {
  private static final Pattern NEEDS_NO_QUOTES = Pattern.compile("[A-Za-z0-9_./:@%+,=-]*");

  private final StringBuilder out = new StringBuilder();

  private ExportRenderer() {}

  static String render(List<Report> reports) {
    var renderer = new ExportRenderer();
    if (reports.size() == 1) {
      renderer.print("MD", reports.getFirst());
    } else {
      renderer.printAll("MD", reports);
    }
    return renderer.out.toString();
  }

  private void printAll(String prefix, List<Report> reports) {
    for (int i = 0; i < reports.size(); i++) {
      print(prefix + "_" + i, reports.get(i));
    }
  }

  private void print(String prefix, Report report) {
    for (Report.Part part : report.parts()) {
      if (part.key().isEmpty()) {
        continue;
      }
      String name = prefix + "_" + variable(part.key());
      switch (part) {
        case Report.Field field -> value(name, field.value());
        case Report.Group group -> print(name, group.report());
        case Report.Items items -> printAll(name, items.reports());
        case Report.Line _ -> {}
      }
    }
  }

  private static String variable(String key) {
    String snake =
        key.contains("_") ? key : CaseFormat.LOWER_CAMEL.to(CaseFormat.LOWER_UNDERSCORE, key);
    return snake.toUpperCase(Locale.ROOT);
  }

  private void value(String name, Object value) {
    if (value instanceof List<?> list) {
      for (int i = 0; i < list.size(); i++) {
        value(name + "_" + i, list.get(i));
      }
    } else {
      out.append(name).append('=').append(quoted(value)).append('\n');
    }
  }

  private static String quoted(Object value) {
    String text = value == null ? "" : PlainText.of(value.toString());
    return NEEDS_NO_QUOTES.matcher(text).matches() ? text : "'" + text.replace("'", "'\\''") + "'";
  }
}
