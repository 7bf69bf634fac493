package io.mirrorctl.cli.command;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.mirrorctl.cli.daemon.NodeEvent;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Runs a shell command for each event, one after the other and in order, with the event on its
 * standard input. It runs beside the stream of events, as a node does not keep a listener that lets
 * it wait: events that find too many before them are only counted, and the command hears how many
 * they were by an event of its own. How a command ends is told and changes nothing.
 *
 * <p>Threading: any thread.
 */
final class EventCommands implements AutoCloseable {
  /** What is to be run. */
  record Settings(String command, Duration limit, int mostWaiting) {
    private static final int MOST_WAITING = 1000;

    Settings(String command, Duration limit) {
      this(command, limit, MOST_WAITING);
    }
  }

  private final Settings settings;
  private final Path socket;
  private final Console console;
  private final Env env;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition rests = lock.newCondition();

  /** What follows is guarded by the lock. */
  private final Queue<NodeEvent> waiting = new ArrayDeque<>();

  private long lost;
  private boolean running;

  /**
   * @param socket of the node, for commands that ask it more
   */
  EventCommands(Settings settings, Path socket, Console console, Env env) {
    this.settings = settings;
    this.socket = socket;
    this.console = console;
    this.env = env;
  }

  /** Has the command run for this event, some time; returns at once. */
  void run(NodeEvent event) {
    lock.lock();
    try {
      if (waiting.size() >= settings.mostWaiting()) {
        lost++;
        return;
      }
      waiting.add(event);
      if (running) {
        return;
      }
      running = true;
    } finally {
      lock.unlock();
    }
    env.io().execute(this::runAll);
  }

  private void runAll() {
    boolean done = false;
    try {
      for (NodeEvent event = next(); event != null; event = next()) {
        execute(event);
      }
      done = true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      rest(!done);
    }
  }

  /** Null if there is none; then this thread is not the one that runs commands any more. */
  private @Nullable NodeEvent next() {
    lock.lock();
    try {
      NodeEvent event = waiting.poll();
      if (event == null && lost > 0) {
        event = NodeEvent.lost(env.wallClock().instant(), lost);
        lost = 0;
      }
      running = event != null;
      return event;
    } finally {
      lock.unlock();
    }
  }

  /** If it was broken off, nobody runs commands any more, and else perhaps another thread does. */
  private void rest(boolean brokenOff) {
    lock.lock();
    try {
      running &= !brokenOff;
      rests.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void execute(NodeEvent event) throws InterruptedException {
    Process process;
    try {
      process = start(event);
    } catch (IOException e) {
      console.note("%s was not run for %s: %s", settings.command(), event.event(), e.getMessage());
      return;
    }
    try {
      env.io().execute(() -> feed(process, event));
      if (!process.waitFor(settings.limit().toMillis(), TimeUnit.MILLISECONDS)) {
        console.note(
            "%s was killed for %s of %s: it had not ended after %d ms; --exec-timeout gives it more",
            settings.command(), event.event(), event.array(), settings.limit().toMillis());
      } else if (process.exitValue() != 0) {
        console.note(
            "%s ended with status %d for %s",
            settings.command(), process.exitValue(), event.event());
      }
    } finally {
      kill(process);
    }
  }

  /** Its standard input may be full as long as it does not read. */
  private static void feed(Process process, NodeEvent event) {
    try (OutputStream input = process.getOutputStream()) {
      input.write((event.toJson() + "\n").getBytes(UTF_8));
    } catch (IOException e) {
      // it ended without reading all of it, which is its right
    }
  }

  /** What it has started beside itself is left alone once it has ended by itself. */
  private static void kill(Process process) {
    if (process.isAlive()) {
      Stream.concat(process.descendants(), Stream.of(process.toHandle()))
          .toList()
          .forEach(ProcessHandle::destroyForcibly);
    }
  }

  private Process start(NodeEvent event) throws IOException {
    // standard output is for the events
    List<String> words =
        List.of(
            "/bin/sh",
            "-c",
            "exec >&2\n" + settings.command() + " \"$@\"",
            "mirrorctl",
            event.event(),
            event.array(),
            event.disk().orElse(""));
    var builder = new ProcessBuilder(words).redirectError(Redirect.INHERIT);
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
    return builder.redirectOutput(Redirect.DISCARD).start();
  }

  /** Waits until it has run for all events. */
  @Override
  public void close() {
    lock.lock();
    try {
      while (running) {
        rests.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }
}
