package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "add",
    description =
        "Add a disk: as a member where one is missing, else as a spare; a former member is re-added.")
final class AddCommand extends MemberSubcommand {
  @Option(names = "--wait", description = "Return when it holds all data.")
  private boolean wait;

  @Option(names = "--force", description = "Take it although it holds other data, which is lost.")
  private boolean force;

  @Mixin private DryRunOption dryRun;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    NodeRequest add = new NodeRequest.Add(array(), disk(), force);
    if (dryRun.isGiven()) {
      tryOnly(console, add);
    } else {
      change(console, add, array(), wait);
    }
    return ExitCode.DONE;
  }
}
