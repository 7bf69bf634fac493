package io.mirrorctl.cli.command;

import java.io.PrintWriter;
import java.io.StringWriter;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Runs a command in this process as the launcher would in another. */
final class Cli {
  private Cli() {}

  /** What a command left behind. */
  record Run(int code, String out, String err) {
    JsonNode json() {
      return JsonMapper.shared().readTree(out);
    }
  }

  static Run run(Object... arguments) {
    var out = new StringWriter();
    var err = new StringWriter();
    CommandLine commandLine =
        Mirrorctl.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    String[] texts = new String[arguments.length];
    for (int i = 0; i < texts.length; i++) {
      texts[i] = arguments[i].toString();
    }
    int code = commandLine.execute(texts);
    return new Run(code, out.toString(), err.toString());
  }
}
