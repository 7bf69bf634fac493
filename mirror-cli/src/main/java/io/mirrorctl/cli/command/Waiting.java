package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.daemon.ScrubResult;
import io.mirrorctl.cli.daemon.SyncState;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.Progress;
import io.mirrorctl.core.env.Env;
import java.io.IOException;

/** Requests that take their time, with a progress bar. */
final class Waiting {
  private Waiting() {}

  static ArrayDetail await(Console console, NodeClient node, NodeRequest.Wait request)
      throws IOException, InterruptedException {
    return ask(console, node, request, ArrayDetail.class);
  }

  static ScrubResult scrub(Console console, NodeClient node, NodeRequest.Scrub request)
      throws IOException, InterruptedException {
    return ask(console, node, request, ScrubResult.class);
  }

  /** Asks, and shows how it comes along. */
  static <T> T ask(Console console, NodeClient node, NodeRequest request, Class<T> answer)
      throws IOException, InterruptedException {
    try (Progress progress = console.progress(Env.system())) {
      return node.ask(
          request,
          SyncState.class,
          sync -> progress.at(sync.action(), sync.percent(), NodeReports.speed(sync)),
          answer);
    }
  }
}
