package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "re-add",
    description =
        "Take a former member back; only what changed since is copied, if the bitmap knows.")
final class ReAddCommand extends MemberSubcommand {
  @Option(names = "--wait", description = "Return when it holds all data.")
  private boolean wait;

  @Mixin private DryRunOption dryRun;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    NodeRequest reAdd = new NodeRequest.ReAdd(array(), disk());
    if (dryRun.isGiven()) {
      tryOnly(console, reAdd);
    } else {
      change(console, reAdd, array(), wait);
    }
    return ExitCode.DONE;
  }
}
