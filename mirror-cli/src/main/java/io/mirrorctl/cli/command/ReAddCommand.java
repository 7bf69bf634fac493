package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "re-add",
    description =
        "Take a former member back; only what changed since is copied, if the bitmap knows.")
final class ReAddCommand extends NodeSubcommand {
  @Parameters(index = "0", paramLabel = "NAME", description = "The array.")
  private String name;

  @Parameters(index = "1", paramLabel = "DISK", description = "The disk.")
  private String disk;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    change(console, new NodeRequest.ReAdd(array(name), disk(disk)));
    return ExitCode.DONE;
  }
}
