package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;

@Command(
    name = "regroup",
    description = "Have the nodes of the cluster agree anew on who is there; I/O waits meanwhile.")
final class RegroupCommand extends NodeSubcommand {
  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    console.print(
        NodeReports.outcome(node().ask(new NodeRequest.Regroup(), NodeRequest.Outcome.class)));
    return ExitCode.DONE;
  }
}
