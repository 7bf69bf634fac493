package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.util.Optional;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "confirm",
    description =
        "Say on this node where a disk is that another node is adding, or that it is not here.")
final class ConfirmCommand extends NodeSubcommand {
  @Parameters(index = "0", paramLabel = "NAME", description = "The array.")
  private String name;

  @ArgGroup(multiplicity = "1")
  private Place place;

  static final class Place {
    @Parameters(
        index = "1",
        arity = "0..1",
        paramLabel = "DISK",
        description = "The disk, as this node names it.")
    private String disk;

    @Option(names = "--missing", description = "It is not here: the other node gives up adding it.")
    private boolean missing;
  }

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    change(
        console,
        new NodeRequest.Confirm(
            array(name), place.missing ? Optional.empty() : Optional.of(disk(place.disk))));
    return ExitCode.DONE;
  }
}
