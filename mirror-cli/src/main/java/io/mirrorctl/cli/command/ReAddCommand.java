package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;

@Command(
    name = "re-add",
    description =
        "Take a former member back; only what changed since is copied, if the bitmap knows.")
final class ReAddCommand extends MemberSubcommand {
  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    change(console, new NodeRequest.ReAdd(array(), disk()));
    return ExitCode.DONE;
  }
}
