package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "assemble",
    description = "Start an array on the node; it becomes an NBD export of the same name.")
final class AssembleCommand extends NodeSubcommand {
  @Parameters(index = "0", paramLabel = "NAME", description = "What the node is to call it.")
  private String name;

  @Parameters(index = "1..*", arity = "1..*", paramLabel = "DISK", description = "Its members.")
  private List<String> disks;

  @Option(names = "--run", description = "Start it although members are missing.")
  private boolean run;

  @Option(names = "--readonly", description = "Write nothing at all to the disks.")
  private boolean readOnly;

  @Option(
      names = "--force",
      description =
          "Take a clustered array for this node alone; destroys data if another node has it. On a"
              + " node of a cluster: take an array of which the disks say that somebody else has it,"
              + " if that one gives no sign of life.")
  private boolean force;

  @Option(
      names = "--coherent",
      description =
          "Requests of different nodes to one block are ordered, so that it never differs between"
              + " members; the same on all nodes. Costs time where nodes take turns.")
  private boolean coherent;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    change(
        console,
        new NodeRequest.Assemble(array(name), disks(disks), run, readOnly, force, coherent));
    return ExitCode.DONE;
  }
}
