package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.util.OptionalInt;
import java.util.OptionalLong;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "grow",
    description =
        "Change the number of members or the size. NBD clients see the new size when they connect anew.")
final class GrowCommand extends NodeSubcommand {
  @Parameters(paramLabel = "NAME", description = "The array.")
  private String name;

  @Option(
      names = "--members",
      paramLabel = "N",
      description = "How many members it is to have; spares take new roles.")
  private Integer members;

  @Option(
      names = "--size",
      paramLabel = "SIZE",
      description = "Its new size, or max for as much as the members have room for.")
  private ByteSize size;

  @Option(
      names = "--force",
      description = "Also make it smaller; what lies behind the new end is lost.")
  private boolean force;

  @Option(names = "--wait", description = "Return when everything is copied.")
  private boolean wait;

  @Mixin private DryRunOption dryRun;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    if (members == null && size == null) {
      throw usage("nothing to grow: give --members or --size");
    }
    if (members != null && (members < 1 || members > 8)) {
      throw usage("--members %d: an array has 1 to 8 members", members);
    }
    if (size != null && size.bytes() == 0) {
      throw usage("an array of 0 bytes is none");
    }
    NodeRequest grow =
        new NodeRequest.Grow(
            array(name),
            members == null ? OptionalInt.empty() : OptionalInt.of(members),
            size == null
                ? OptionalLong.empty()
                : OptionalLong.of(size.isMax() ? NodeRequest.Grow.LARGEST : size.bytes()),
            force);
    if (dryRun.isGiven()) {
      tryOnly(console, grow);
    } else {
      change(console, grow, name, wait);
    }
    return ExitCode.DONE;
  }
}
