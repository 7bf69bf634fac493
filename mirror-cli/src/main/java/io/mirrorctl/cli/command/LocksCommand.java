package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.ArrayLocks;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "locks",
    description =
        "Show the locks by which nodes share an array: who holds which, who waits, and for how"
            + " long.")
final class LocksCommand extends NodeSubcommand {
  @Parameters(
      paramLabel = "NAME",
      arity = "0..1",
      description = "The array; all that are shared if left out.")
  private Optional<String> name;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    List<ArrayLocks> arrays =
        List.of(node().ask(new NodeRequest.Locks(name.map(this::array)), ArrayLocks[].class));
    console.print(InsightReports.locks(arrays));
    return ExitCode.DONE;
  }
}
