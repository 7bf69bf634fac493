package io.mirrorctl.cli.command;

import io.mirrorctl.cli.cluster.ClusterMembers;
import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.ArraySummary;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.util.Optional;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "completion-words",
    hidden = true,
    description = "For the script of completion: print names that the node knows, one a line.")
final class CompletionWordsCommand extends NodeSubcommand {
  /** What there are names of. */
  enum Kind {
    arrays,
    disks,
    nodes
  }

  @Parameters(index = "0", paramLabel = "KIND", description = "${COMPLETION-CANDIDATES}")
  private Kind kind;

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "ARRAY",
      description = "Whose disks; without it nobody's.")
  private Optional<String> array;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    words().forEach(console.out()::println);
    console.out().flush();
    return ExitCode.DONE;
  }

  private Stream<String> words() throws IOException, InterruptedException {
    return switch (kind) {
      case arrays -> node().status().stream().map(ArraySummary::name);
      case disks ->
          array.isEmpty()
              ? Stream.of()
              : node()
                  .ask(new NodeRequest.Detail(array(array.get())), ArrayDetail.class)
                  .members()
                  .stream()
                  .map(ArrayDetail.Member::path);
      case nodes ->
          node().ask(new NodeRequest.Members(), ClusterMembers.class).nodes().stream()
              .map(ClusterMembers.Member::name);
    };
  }
}
