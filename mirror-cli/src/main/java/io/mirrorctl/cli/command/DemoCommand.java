package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.demo.Demo;
import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.PlainText;
import io.mirrorctl.cli.output.Report;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "demo",
    description =
        "Show it all in one go: two nodes on one mirror, one killed in mid-write, and proof that nothing is lost.")
final class DemoCommand extends Subcommand {
  private static final String LOG_LEVEL = "mirrorctl.log";

  @Option(
      names = "--input",
      paramLabel = "FILE",
      description = "The data to be mirrored; else a large file of the running Java.")
  private Optional<Path> input;

  @Option(
      names = "--size",
      paramLabel = "SIZE",
      defaultValue = "128M",
      description = "Use at most so much of it (default: ${DEFAULT-VALUE}).")
  private ByteSize size;

  @Option(
      names = "--keep",
      paramLabel = "DIR",
      description =
          "Put the disks and the logs of the nodes there and leave them; else they are temporary.")
  private Optional<Path> keep;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    if (size.bytes() < 1) {
      throw usage("--size %s: there has to be something to copy", size);
    }
    if (System.getProperty(LOG_LEVEL) == null) {
      System.setProperty(LOG_LEVEL, "error"); // that a killed node is gone is no news here
    }
    Path file = input.orElseGet(() -> Path.of(System.getProperty("java.home"), "lib", "modules"));
    Demo.Outcome outcome =
        new Demo(new Screen(console), Env.system())
            .run(
                new Demo.Wish(
                    file.toAbsolutePath().normalize(),
                    size.bytes(),
                    keep.map(path -> path.toAbsolutePath().normalize())));
    if (!console.isForPeople()) {
      console.print(report(outcome));
    }
    return ExitCode.DONE;
  }

  private static Report report(Demo.Outcome outcome) {
    return Report.builder()
        .data("bytes", outcome.bytes())
        .data("sha256", outcome.sha256())
        .data("acknowledgedBytes", outcome.acknowledgedBytes())
        .data("unansweredBytes", outcome.unansweredBytes())
        .data("takeoverMillis", outcome.takeoverMillis())
        .data("recoveryMillis", outcome.recoveryMillis())
        .data("chunks", outcome.chunks())
        .data("dirtyChunks", outcome.dirtyChunks())
        .data("differingChunks", outcome.differingChunks())
        .build();
  }

  /** The story goes to standard output for people, else to standard error. */
  private record Screen(Console console) implements Demo.Teller {
    @Override
    public void tell(String line) {
      PrintWriter to = console.isForPeople() ? console.out() : console.err();
      to.println(PlainText.of(line));
      to.flush();
    }

    @Override
    public <T> T showing(NodeClient node, NodeRequest request, Class<T> answer)
        throws IOException, InterruptedException {
      return Waiting.ask(console, node, request, answer);
    }
  }
}
