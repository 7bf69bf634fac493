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
    name = "replace",
    description =
        "Fill another disk while the old member stays in use; when done, the old one becomes faulty.")
final class ReplaceCommand extends NodeSubcommand {
  @Parameters(index = "0", paramLabel = "NAME", description = "The array.")
  private String name;

  @Parameters(index = "1", paramLabel = "OLD", description = "The member to be replaced.")
  private String old;

  @Option(
      names = "--with",
      paramLabel = "NEW",
      required = true,
      description = "The new disk, or a spare of the array.")
  private String with;

  @Option(names = "--force", description = "Take it although it holds other data, which is lost.")
  private boolean force;

  @Option(names = "--wait", description = "Return when the new disk holds all data.")
  private boolean wait;

  @Mixin private DryRunOption dryRun;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    NodeRequest replace = new NodeRequest.Replace(array(name), disk(old), disk(with), force);
    if (dryRun.isGiven()) {
      tryOnly(console, replace);
    } else {
      change(console, replace, name, wait);
    }
    return ExitCode.DONE;
  }
}
