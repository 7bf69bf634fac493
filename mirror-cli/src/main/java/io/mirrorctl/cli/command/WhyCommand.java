package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.daemon.Waiter;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "why",
    description =
        "Tell who waits on this node: clients and commands, what each waits for, who has that, since"
            + " when, and what can be done.")
final class WhyCommand extends NodeSubcommand {
  @Parameters(
      paramLabel = "NAME",
      arity = "0..1",
      description = "The array; all of them, and the node itself, if left out.")
  private Optional<String> name;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    List<Waiter> waiters =
        List.of(node().ask(new NodeRequest.Why(name.map(this::array)), Waiter[].class));
    console.print(InsightReports.why(console, waiters));
    return ExitCode.DONE;
  }
}
