package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.Node;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.Failure;
import java.io.IOException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * The node of this process, between its start and the signal that ends the process. A signal that
 * comes while the node starts is obeyed when it has.
 */
final class NodeLife {
  private final Console console;
  private final CompletableFuture<Node> node = new CompletableFuture<>();

  NodeLife(Console console) {
    this.console = console;
  }

  /** Starts a node. */
  @FunctionalInterface
  interface Start {
    Node start() throws IOException, InterruptedException;
  }

  Node start(Start start) throws IOException, InterruptedException {
    try {
      Node started = start.start();
      node.complete(started);
      return started;
    } finally {
      node.cancel(false); // does nothing after a start that succeeded
    }
  }

  /** Called when the process is about to end: by a signal, or because the node did not start. */
  void end() {
    Node started;
    try {
      started = node.join();
    } catch (CancellationException | CompletionException e) {
      return;
    }
    int status = 0;
    try {
      started.close();
    } catch (IOException | RuntimeException | Error e) {
      console.fail(Failure.of(e));
      status = 1;
    }
    // a process that a signal ends has the signal's status otherwise, as if it had been killed
    Runtime.getRuntime().halt(status);
  }
}
