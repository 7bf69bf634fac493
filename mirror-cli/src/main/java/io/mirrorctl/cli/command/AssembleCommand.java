package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.daemon.ScanResult;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "assemble",
    description = "Start an array on the node; it becomes an NBD export of the same name.",
    customSynopsis = {
      "mirrorctl assemble NAME DISK... [--run] [--readonly] [--force] [--coherent] [--socket PATH]",
      "       mirrorctl assemble --scan [--socket PATH]"
    })
final class AssembleCommand extends NodeSubcommand {
  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "NAME",
      description = "What the node is to call it.")
  private Optional<String> name;

  @Parameters(index = "1..*", arity = "0..*", paramLabel = "DISK", description = "Its members.")
  private List<String> disks = List.of();

  @Option(
      names = "--scan",
      description = {
        "Find the members by their superblocks, among the disks that the node's configuration file"
            + " names, and start the arrays that it names; if it names none, every array of this"
            + " cluster or host that is complete. What is left out is told with the reason; exit code 1"
            + " if anything was that should not be."
      })
  private boolean scan;

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
    if (scan) {
      return scan(console);
    }
    if (name.isEmpty() || disks.isEmpty()) {
      throw usage("Missing required parameters: NAME and DISK..., or --scan");
    }
    change(
        console,
        new NodeRequest.Assemble(array(name.get()), disks(disks), run, readOnly, force, coherent));
    return ExitCode.DONE;
  }

  private ExitCode scan(Console console) throws IOException, InterruptedException {
    if (name.isPresent() || run || readOnly || force || coherent) {
      throw usage(
          "--scan takes no array and none of its options; they stand in the node's configuration file");
    }
    ScanResult result = node().ask(new NodeRequest.Scan(), ScanResult.class);
    result.unreadable().forEach(reason -> console.note("not looked at: %s", reason));
    console.print(NodeReports.scan(result));
    return result.complete() ? ExitCode.DONE : ExitCode.FAILED;
  }
}
