package io.mirrorctl.cli.command;

import io.mirrorctl.cli.cluster.ClusterMembers;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;

@Command(name = "members", description = "Show the nodes of the cluster that the node belongs to.")
final class MembersCommand extends NodeSubcommand {
  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    console.print(NodeReports.members(node().ask(new NodeRequest.Members(), ClusterMembers.class)));
    return ExitCode.DONE;
  }
}
