package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeEvent;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.PlainText;
import java.io.IOException;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

@Command(
    name = "monitor",
    description = "Tell what happens on the node, as it happens, until interrupted.")
final class MonitorCommand extends NodeSubcommand {
  @Option(
      names = "--exec",
      paramLabel = "CMD",
      description =
          "Run this shell command for each event, with the event's name, the array and the disk behind it.")
  private String exec;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    node()
        .ask(
            new NodeRequest.Monitor(),
            NodeEvent.class,
            event -> {
              tell(console, event);
              execute(console, event);
            },
            JsonNode.class);
    return ExitCode.DONE;
  }

  private static void tell(Console console, NodeEvent event) {
    console
        .out()
        .println(
            console.isForPeople()
                ? PlainText.of("%s %s: %s".formatted(event.time(), event.event(), event.sentence()))
                : event.toJson());
    console.out().flush();
  }

  private void execute(Console console, NodeEvent event) throws IOException, InterruptedException {
    if (exec == null) {
      return;
    }
    List<String> command =
        List.of(
            "/bin/sh",
            "-c",
            exec + " \"$@\"",
            "mirrorctl",
            event.event(),
            event.array(),
            event.disk().orElse(""));
    int status =
        new ProcessBuilder(command)
            .redirectOutput(ProcessBuilder.Redirect.INHERIT)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start()
            .waitFor();
    if (status != 0) {
      console.note("%s ended with status %d", exec, status);
    }
  }
}
