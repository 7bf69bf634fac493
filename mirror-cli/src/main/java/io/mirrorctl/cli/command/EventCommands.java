package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.NodeEvent;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.core.env.Env;
import java.io.File;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Runs a shell command for each event, one after the other and in order. It runs beside the stream
 * of events, as a node does not keep a listener that lets it wait. How a command ends is told and
 * changes nothing.
 *
 * <p>Threading: one thread calls it.
 */
final class EventCommands implements AutoCloseable {
  private static final int MOST_WAITING = 10_000;
  private static final Redirect NOTHING = Redirect.from(new File("/dev/null"));

  private final String command;
  private final Path socket;
  private final Console console;
  private final Env env;
  private final AtomicInteger waiting = new AtomicInteger();
  private CompletableFuture<Void> last = CompletableFuture.completedFuture(null);

  /**
   * @param socket of the node, for commands that ask it more
   */
  EventCommands(String command, Path socket, Console console, Env env) {
    this.command = command;
    this.socket = socket;
    this.console = console;
    this.env = env;
  }

  /** Has the command run for this event, some time. */
  void run(NodeEvent event) {
    if (waiting.get() >= MOST_WAITING) {
      console.note(
          "%s is not run for %s of %s: it is %d events behind",
          command, event.event(), event.array(), MOST_WAITING);
      return;
    }
    waiting.incrementAndGet();
    last = last.thenRunAsync(() -> execute(event), env.io());
  }

  private void execute(NodeEvent event) {
    waiting.decrementAndGet();
    try {
      int status = start(event).waitFor();
      if (status != 0) {
        console.note("%s ended with status %d for %s", command, status, event.event());
      }
    } catch (IOException e) {
      console.note("%s was not run for %s: %s", command, event.event(), e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Process start(NodeEvent event) throws IOException {
    List<String> words =
        List.of(
            "/bin/sh",
            "-c",
            command + " \"$@\"",
            "mirrorctl",
            event.event(),
            event.array(),
            event.disk().orElse(""));
    var builder =
        new ProcessBuilder(words)
            .redirectInput(NOTHING)
            .redirectOutput(Redirect.INHERIT)
            .redirectError(Redirect.INHERIT);
    builder
        .environment()
        .putAll(
            Map.of(
                "MIRRORCTL_TIME", event.time(),
                "MIRRORCTL_EVENT", event.event(),
                "MIRRORCTL_ARRAY", event.array(),
                "MIRRORCTL_DISK", event.disk().orElse(""),
                "MIRRORCTL_NODE", event.node().orElse(""),
                "MIRRORCTL_ACTION", event.action().orElse(""),
                "MIRRORCTL_MESSAGE", event.message(),
                "MIRRORCTL_SOCKET", socket.toString()));
    return builder.start();
  }

  /** Waits until it has run for all events. */
  @Override
  public void close() {
    last.join();
  }
}
