package io.mirrorctl.cli.command;

import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(name = "status", description = "Show all arrays of the node, a line each.")
final class StatusCommand extends NodeSubcommand {
  private static final CountDownLatch NEVER = new CountDownLatch(1);

  @Option(names = "--watch", description = "Show them again every second until interrupted.")
  private boolean watch;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    do {
      console.print(NodeReports.status(console, node().status()));
    } while (watch && !NEVER.await(1, TimeUnit.SECONDS));
    return ExitCode.DONE;
  }
}
