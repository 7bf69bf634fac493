package io.mirrorctl.cli.command;

import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "help",
    description = "Explain a command, or what is behind the commands. Without TOPIC list both.")
final class HelpCommand extends Subcommand {
  @Parameters(
      arity = "0..1",
      paramLabel = "TOPIC",
      completionCandidates = HelpTopics.class,
      description = "A command, or one of ${COMPLETION-CANDIDATES}.")
  private Optional<String> topic;

  @Override
  ExitCode run(Console console) throws IOException {
    CommandLine all = spec().root().commandLine();
    if (topic.isEmpty()) {
      all.usage(console.out());
      list(console.out());
    } else if (all.getSubcommands().containsKey(topic.get())) {
      all.getSubcommands().get(topic.get()).usage(console.out());
    } else {
      console
          .out()
          .print(
              HelpTopics.text(topic.get())
                  .orElseThrow(() ->
                      usage(
                          "there is no command and no topic %s; topics are %s",
                          topic.get(), String.join(", ", HelpTopics.NAMES))));
    }
    console.out().flush();
    return ExitCode.DONE;
  }

  private static void list(PrintWriter out) throws IOException {
    out.print("\nTopics (mirrorctl help TOPIC):\n\n");
    for (String name : HelpTopics.NAMES) {
      String about = HelpTopics.text(name).orElseThrow().lines().findFirst().orElseThrow();
      out.print("  %-14s %s%n".formatted(name, about));
    }
  }
}
