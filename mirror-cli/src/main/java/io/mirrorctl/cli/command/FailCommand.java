package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "fail",
    description = "Stop using a member; the last one that holds all data is refused.")
final class FailCommand extends NodeSubcommand {
  @Parameters(index = "0", paramLabel = "NAME", description = "The array.")
  private String name;

  @Parameters(index = "1", paramLabel = "DISK", description = "The disk.")
  private String disk;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    change(console, new NodeRequest.Fail(array(name), disk(disk)));
    return ExitCode.DONE;
  }
}
