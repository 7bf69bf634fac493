package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;

@Command(name = "remove", description = "Let go of a faulty member or a spare, and close it.")
final class RemoveCommand extends MemberSubcommand {
  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    change(console, new NodeRequest.Remove(array(), disk()));
    return ExitCode.DONE;
  }
}
