package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.util.OptionalLong;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "wait", description = "Wait until an array has nothing more to copy.")
final class WaitCommand extends NodeSubcommand {
  @Parameters(paramLabel = "NAME", description = "The array.")
  private String name;

  @Option(
      names = "--for",
      paramLabel = "idle|in-sync",
      defaultValue = "idle",
      description = "idle: nothing is copied or checked; in-sync: and no member is missing.")
  private String until;

  @Option(
      names = "--timeout",
      paramLabel = "TIME",
      description = "Fail after this time: 30s, 5m, 2h, 500ms; without a unit it is seconds.")
  private String timeout;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    NodeReports.outcome(
        console,
        Waiting.await(
            console, node(), new NodeRequest.Wait(array(name), until(), timeoutMillis())));
    return ExitCode.DONE;
  }

  private NodeRequest.Wait.Until until() {
    return switch (until) {
      case "idle" -> NodeRequest.Wait.Until.IDLE;
      case "in-sync" -> NodeRequest.Wait.Until.IN_SYNC;
      default -> throw usage("--for takes idle or in-sync, not %s", until);
    };
  }

  private OptionalLong timeoutMillis() {
    if (timeout == null) {
      return OptionalLong.empty();
    }
    try {
      return OptionalLong.of(TimeOption.parse("--timeout", timeout).toMillis());
    } catch (IllegalArgumentException e) {
      throw usage("%s", e.getMessage());
    }
  }
}
