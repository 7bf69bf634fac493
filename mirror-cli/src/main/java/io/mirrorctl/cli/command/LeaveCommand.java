package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;

@Command(
    name = "leave",
    description =
        "Stop the node's shared arrays and leave the cluster. The node runs on with the arrays that"
            + " it has for itself, and joins again when it is started again.")
final class LeaveCommand extends NodeSubcommand {
  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    console.print(
        NodeReports.outcome(node().ask(new NodeRequest.Leave(), NodeRequest.Outcome.class)));
    return ExitCode.DONE;
  }
}
