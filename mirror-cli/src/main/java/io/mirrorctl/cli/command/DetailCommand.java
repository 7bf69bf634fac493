package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "detail",
    description = "Show an array: its members, bitmap, and what is being copied or checked.")
final class DetailCommand extends NodeSubcommand {
  @Parameters(paramLabel = "NAME", description = "The array.")
  private String name;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    console.print(
        NodeReports.detail(node().ask(new NodeRequest.Detail(array(name)), ArrayDetail.class)));
    return ExitCode.DONE;
  }
}
