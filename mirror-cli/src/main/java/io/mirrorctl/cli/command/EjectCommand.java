package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "eject",
    description = {
      "Put another node out of the cluster. Its clients get errors, its work is taken over when its"
          + " lease is over; it comes back by itself if it can, so stop it first if it is to stay out."
    })
final class EjectCommand extends NodeSubcommand {
  @Parameters(paramLabel = "NODE", description = "Its name or number.")
  private String victim;

  @Option(
      names = "--fenced",
      description =
          "Your word that it can write no more, as its power is off: instead of the fence command."
              + " If that is not true, data are destroyed.")
  private boolean fenced;

  @Mixin private DryRunOption dryRun;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    if (victim.isBlank()) {
      throw usage("the name of the node is empty");
    }
    if (dryRun.isGiven()) {
      tryOnly(console, new NodeRequest.Eject(victim, fenced));
      return ExitCode.DONE;
    }
    console.print(
        NodeReports.outcome(
            node().ask(new NodeRequest.Eject(victim, fenced), NodeRequest.Outcome.class)));
    return ExitCode.DONE;
  }
}
