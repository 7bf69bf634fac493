package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.ArrayNames;
import io.mirrorctl.cli.daemon.ControlSocket;
import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.Console;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import picocli.CommandLine.Option;

/** A command that asks a node. */
abstract class NodeSubcommand extends Subcommand {
  @Option(
      names = "--socket",
      paramLabel = "PATH",
      description = "Control socket of the node; else $MIRRORCTL_SOCKET, else the default one.")
  private Optional<Path> socket;

  /** The node. */
  final NodeClient node() {
    return new NodeClient(
        socket
            .map(path -> path.toAbsolutePath().normalize())
            .orElseGet(ControlSocket::defaultPath));
  }

  /** An array's name from the command line. */
  final String array(String typed) {
    try {
      return ArrayNames.check(typed);
    } catch (IllegalArgumentException e) {
      throw usage("%s", e.getMessage());
    }
  }

  /** Says what a change would do, or fails as it would. */
  final void tryOnly(Console console, NodeRequest request)
      throws IOException, InterruptedException {
    NodeReports.wouldBe(
        console, node().ask(new NodeRequest.DryRun(request), NodeRequest.Outcome.class).text());
  }

  /**
   * Asks for a change, waits until nothing is left to be copied if asked to, and says how it is.
   */
  final void change(Console console, NodeRequest request, String array, boolean wait)
      throws IOException, InterruptedException {
    if (!wait) {
      change(console, request);
      return;
    }
    var _ = node().ask(request, ArrayDetail.class);
    NodeReports.outcome(
        console,
        Waiting.await(
            console,
            node(),
            new NodeRequest.Wait(array, NodeRequest.Wait.Until.IDLE, OptionalLong.empty())));
  }

  /** Asks for a change and says how the array is then. */
  final void change(Console console, NodeRequest request) throws IOException, InterruptedException {
    NodeReports.outcome(console, node().ask(request, ArrayDetail.class));
  }
}
