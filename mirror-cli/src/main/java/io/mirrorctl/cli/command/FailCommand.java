package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;

@Command(
    name = "fail",
    description = "Stop using a member; the last one that holds all data is refused.")
final class FailCommand extends MemberSubcommand {
  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    change(console, new NodeRequest.Fail(array(), disk()));
    return ExitCode.DONE;
  }
}
