package io.mirrorctl.cli.output;

import java.util.ArrayList;
import java.util.List;

/** Prints reports for people: labels right-aligned before a colon, as mdadm does. */
final class TextRenderer {
  private static final String INDENT = "  ";
  private static final String GAP = "   ";

  private final StringBuilder out = new StringBuilder();

  private TextRenderer() {}

  static String render(List<Report> reports) {
    var renderer = new TextRenderer();
    renderer.below(reports, "");
    return renderer.out.toString();
  }

  /** One below the other, with a line between them unless both have but one. */
  private void below(List<Report> reports, String indent) {
    long linesBefore = 0;
    for (Report report : reports) {
      var renderer = new TextRenderer();
      renderer.print(report, indent);
      long lines = renderer.out.chars().filter(c -> c == '\n').count();
      if (linesBefore > 0 && lines > 0 && linesBefore + lines > 2) {
        out.append('\n');
      }
      out.append(renderer.out);
      linesBefore = lines > 0 ? lines : linesBefore;
    }
  }

  private void print(Report report, String indent) {
    int width = 0;
    for (Report.Part part : report.parts()) {
      if (part instanceof Report.Field field) {
        width = Math.max(width, field.label().length());
      }
    }
    for (Report.Part part : report.parts()) {
      switch (part) {
        case Report.Field field -> {
          if (!field.label().isEmpty()) {
            String pad = " ".repeat(width - field.label().length());
            line(indent, pad + field.label() + " : " + field.text());
          }
        }
        case Report.Line text -> line(indent, text.text());
        case Report.Group group -> {
          if (!group.title().isEmpty()) {
            line(indent, group.title());
            print(group.report(), indent + INDENT);
          }
        }
        case Report.Items items -> {
          if (items.table()) {
            table(items.reports(), indent);
          } else {
            below(items.reports(), indent);
          }
        }
      }
    }
  }

  private void table(List<Report> rows, String indent) {
    List<List<String>> lines = new ArrayList<>();
    for (Report row : rows) {
      if (visible(row).isEmpty()) {
        continue;
      }
      if (lines.isEmpty()) {
        lines.add(visible(row).stream().map(Report.Field::label).toList());
      }
      lines.add(visible(row).stream().map(Report.Field::text).map(PlainText::of).toList());
    }
    for (List<String> cells : lines) {
      var text = new StringBuilder();
      for (int column = 0; column < cells.size(); column++) {
        String cell = cells.get(column);
        text.append(cell);
        if (column < cells.size() - 1) {
          text.append(" ".repeat(width(lines, column) - cell.length())).append(GAP);
        }
      }
      line(indent, text.toString());
    }
  }

  private static List<Report.Field> visible(Report row) {
    return row.parts().stream()
        .filter(Report.Field.class::isInstance)
        .map(Report.Field.class::cast)
        .filter(field -> !field.label().isEmpty())
        .toList();
  }

  private static int width(List<List<String>> lines, int column) {
    return lines.stream()
        .filter(cells -> column < cells.size())
        .mapToInt(cells -> cells.get(column).length())
        .max()
        .orElse(0);
  }

  private void line(String indent, String text) {
    String plain = PlainText.of(text);
    out.append(plain.isEmpty() ? "" : indent).append(plain.stripTrailing()).append('\n');
  }
}
