package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.daemon.ScrubResult;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "repair",
    description = "Compare all members and make them equal; ends when this command is interrupted.")
final class RepairCommand extends NodeSubcommand {
  @Parameters(paramLabel = "NAME", description = "The array.")
  private String name;

  @Option(
      names = "--from",
      paramLabel = "DISK",
      description = "Whose data is right; else that which readers see now.")
  private String from;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    ScrubResult result =
        Waiting.scrub(
            console,
            node(),
            new NodeRequest.Scrub(array(name), true, Optional.ofNullable(from).map(this::disk)));
    console.print(NodeReports.scrub(console, name, result));
    return result.complete() ? ExitCode.DONE : ExitCode.FAILED;
  }
}
