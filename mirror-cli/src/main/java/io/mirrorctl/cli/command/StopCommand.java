package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.Report;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

@Command(
    name = "stop",
    description = "Stop an array: its NBD clients are disconnected, its disks closed.")
final class StopCommand extends NodeSubcommand {
  @Parameters(paramLabel = "NAME", description = "The array.")
  private String name;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    node().ask(new NodeRequest.Stop(array(name)), JsonNode.class);
    console.print(
        Report.builder().data("name", name).data("stopped", true).line(name + ": stopped").build());
    return ExitCode.DONE;
  }
}
