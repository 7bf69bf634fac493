package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.Node;
import io.mirrorctl.cli.daemon.ServiceNotice;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.Failure;
import java.io.Closeable;
import java.io.IOException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

/**
 * The node of this process, between its start and the signal that ends the process. A signal that
 * comes while the node starts lets it finish the array it is assembling, and stops it then; where
 * that has to wait for other nodes it may be in vain, so it has a limit.
 */
final class NodeLife {
  private static final long LONGEST_START_SECONDS = 30;

  private final Console console;
  private final CompletableFuture<Node> node = new CompletableFuture<>();
  private volatile boolean ending;

  NodeLife(Console console) {
    this.console = console;
  }

  /** Starts a node. */
  @FunctionalInterface
  interface Start {
    /**
     * Starts it.
     *
     * @param unwanted whether the node is to be stopped before it serves
     */
    Node start(BooleanSupplier unwanted) throws IOException, InterruptedException;
  }

  Node start(Start start) throws IOException, InterruptedException {
    try {
      Node started = start.start(() -> ending);
      node.complete(started);
      return started;
    } catch (IOException | RuntimeException | Error e) {
      if (ending) {
        node.cancel(false);
        new CountDownLatch(1).await(); // that it did not start is no news to who stopped it
      }
      throw e;
    } finally {
      node.cancel(false); // does nothing after a start that succeeded
    }
  }

  /** Called when the process is about to end: by a signal, or because the node did not start. */
  void end() {
    boolean failed = node.isCancelled();
    ending = true;
    Node started;
    try {
      started = node.copy().orTimeout(LONGEST_START_SECONDS, TimeUnit.SECONDS).join();
    } catch (CancellationException | CompletionException e) {
      if (e.getCause() instanceof TimeoutException) {
        console.fail(
            new Failure(
                ExitCode.FAILED,
                "the node was told to stop while it started, and did not within %d s; it ends as if it had been killed"
                    .formatted(LONGEST_START_SECONDS)));
        halt(1);
      }
      if (!failed) {
        halt(0);
      }
      return;
    }
    end(started, console);
  }

  /** Has this done when the process is to end, after its service manager was told. */
  static void onEnd(Runnable end) {
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  ServiceNotice.ofEnvironment().stopping();
                  end.run();
                },
                "mirror-shutdown"));
  }

  /** Says that this process serves, and lets it, until a signal ends it. */
  static void serve(String readyLine, Console console) throws InterruptedException {
    console.out().println(readyLine);
    console.out().flush();
    ServiceNotice.ofEnvironment().ready(readyLine);
    new CountDownLatch(1).await();
  }

  /** Closes what this process serves, and ends the process: by a shutdown hook. */
  static void end(Closeable served, Console console) {
    int status = 0;
    try {
      served.close();
    } catch (IOException | RuntimeException | Error e) {
      console.fail(Failure.of(e));
      status = 1;
    }
    halt(status);
  }

  /** A process that a signal ends has the signal's status otherwise, as if it had been killed. */
  private static void halt(int status) {
    Runtime.getRuntime().halt(status);
  }
}
