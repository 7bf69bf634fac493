package io.mirrorctl.cli.output;

import java.util.List;

/** How reports are printed. */
public enum Format {
  /** For people. */
  TEXT {
    @Override
    public String render(List<Report> reports) {
      return TextRenderer.render(reports);
    }
  },
  /** For programs: one object, or an array if there is not exactly one report. */
  JSON {
    @Override
    public String render(List<Report> reports) {
      return JsonRenderer.render(reports);
    }
  },
  /** For shells: {@code MD_KEY=value}, one a line, quoted so that {@code eval} takes it. */
  EXPORT {
    @Override
    public String render(List<Report> reports) {
      return ExportRenderer.render(reports);
    }
  };

  /** The text of the reports, ending with a line break unless it is empty. */
  public abstract String render(List<Report> reports);
}
