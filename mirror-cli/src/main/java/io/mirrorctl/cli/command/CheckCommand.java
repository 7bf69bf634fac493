package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.daemon.ScrubResult;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "check",
    description =
        "Compare all members and list what differs; ends when this command is interrupted.")
final class CheckCommand extends NodeSubcommand {
  @Parameters(paramLabel = "NAME", description = "The array.")
  private String name;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    ScrubResult result =
        Waiting.scrub(console, node(), new NodeRequest.Scrub(array(name), false, Optional.empty()));
    console.print(NodeReports.scrub(console, name, result));
    return result.complete() && result.mismatchBytes() == 0 ? ExitCode.DONE : ExitCode.FAILED;
  }
}
