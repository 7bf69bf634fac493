package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(name = "remove", description = "Let go of a faulty member or a spare, and close it.")
final class RemoveCommand extends MemberSubcommand {
  @Mixin private DryRunOption dryRun;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    NodeRequest remove = new NodeRequest.Remove(array(), disk());
    if (dryRun.isGiven()) {
      tryOnly(console, remove);
    } else {
      change(console, remove);
    }
    return ExitCode.DONE;
  }
}
