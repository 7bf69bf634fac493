package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeEvent;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.PlainText;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
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
      description = {
        "Run this shell command for each event, one after the other, with the event's name, the"
            + " array and the disk behind it, all of the event as a line of JSON on its standard input, and"
            + " in MIRRORCTL_EVENT, _ARRAY, _DISK, _NODE, _ACTION, _TIME and _MESSAGE. What it prints goes to"
            + " standard error. A command that fails is told and ends nothing."
      })
  private Optional<String> exec;

  @Option(
      names = "--exec-timeout",
      paramLabel = "TIME",
      defaultValue = "60s",
      description = "Kill the command after this time: 30s, 5m; ${DEFAULT-VALUE} if left out.")
  private String limit;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    Optional<EventCommands.Settings> settings =
        exec.map(command -> new EventCommands.Settings(command, limit()));
    NodeClient node = node();
    try (EventCommands commands =
        settings.isPresent()
            ? new EventCommands(settings.get(), node.socket(), console, Env.system())
            : null) {
      node.ask(
          new NodeRequest.Monitor(),
          NodeEvent.class,
          event -> {
            tell(console, event);
            if (commands != null) {
              commands.run(event);
            }
          },
          JsonNode.class);
    } catch (NodeClient.NodeEnded e) {
      throw new CommandException(
          ExitCode.NO_NODE,
          "the node at %s has ended, and with it what it had to tell; see its log if nobody stopped it"
              .formatted(node.socket()),
          e);
    }
    return ExitCode.DONE;
  }

  private Duration limit() {
    Duration time;
    try {
      time = TimeOption.parse("--exec-timeout", limit);
    } catch (IllegalArgumentException e) {
      throw usage("%s", e.getMessage());
    }
    if (time.isZero()) {
      throw usage("--exec-timeout takes a time above 0");
    }
    return time;
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
}
