package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.util.OptionalLong;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "sync", description = "Control resync, recovery, check and repair of an array.")
final class SyncCommand extends NodeSubcommand {
  @Parameters(paramLabel = "NAME", description = "The array.")
  private String name;

  @ArgGroup(multiplicity = "1", exclusive = false)
  private Wish wish;

  /** At least one of them. */
  private static final class Wish {
    @Option(names = "--pause", description = "Copy and compare nothing until --resume.")
    private boolean pause;

    @Option(names = "--resume", description = "Go on.")
    private boolean resume;

    @Option(names = "--cancel", description = "Break a check or repair off.")
    private boolean cancel;

    @Option(
        names = "--min",
        paramLabel = "RATE",
        description = "Bytes a second to be kept up also beside clients.")
    private ByteSize min;

    @Option(
        names = "--max",
        paramLabel = "RATE",
        description = "Bytes a second never to be exceeded; max for no limit.")
    private ByteSize max;
  }

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    if (wish.pause && wish.resume) {
      throw usage("--pause and --resume contradict each other");
    }
    if (wish.min != null && wish.min.isMax()) {
      throw usage("--min wants a rate");
    }
    change(
        console,
        new NodeRequest.Sync(
            array(name),
            wish.pause,
            wish.resume,
            wish.cancel,
            wish.min == null ? OptionalLong.empty() : OptionalLong.of(wish.min.bytes()),
            wish.max == null
                ? OptionalLong.empty()
                : OptionalLong.of(wish.max.isMax() ? 0 : wish.max.bytes())));
    return ExitCode.DONE;
  }
}
