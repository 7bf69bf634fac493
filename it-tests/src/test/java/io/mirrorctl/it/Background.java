package io.mirrorctl.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A program that runs beside the test: a server, a node. What it prints goes to a log file, which
 * every failure shows.
 */
public final class Background implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final List<String> command;
  private final Path log;
  private final Process process;

  private Background(List<String> command, Path log, Process process) {
    this.command = command;
    this.log = log;
    this.process = process;
  }

  /**
   * Starts a program.
   *
   * @param log takes what it prints, behind what is there already
   */
  public static Background start(List<String> command, Path log) {
    var builder = new ProcessBuilder(command);
    builder.environment().put("LC_ALL", "C.UTF-8");
    builder
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    try {
      Process process = builder.start();
      process.getOutputStream().close();
      return new Background(command, log, process);
    } catch (IOException e) {
      throw new AssertionError("cannot start %s: %s".formatted(command, e.getMessage()), e);
    }
  }

  /**
   * Waits until the program has got somewhere. If it ends before, or does not get there within a
   * minute, the test fails and the program is killed.
   */
  public void await(String what, Condition condition) {
    long start = System.nanoTime();
    try {
      while (!holds(condition)) {
        if (!process.isAlive()) {
          throw failure("ended with status %d, no %s".formatted(process.exitValue(), what), null);
        }
        if (System.nanoTime() - start > PATIENCE.toNanos()) {
          throw failure("no %s within %d s".formatted(what, PATIENCE.toSeconds()), null);
        }
        Thread.sleep(20);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw failure("interrupted while waiting for " + what, e);
    }
  }

  private static boolean holds(Condition condition) {
    try {
      return condition.holds();
    } catch (IOException e) {
      return false;
    }
  }

  /** A Java program that still runs prints into its log where its threads are; others are left. */
  void dumpThreads() {
    if (!process.isAlive() || !command.getFirst().endsWith("/java")) {
      return;
    }
    signal("QUIT");
    try {
      Thread.sleep(1000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private AssertionError failure(String what, Throwable cause) {
    dumpThreads();
    Tool.killTree(process);
    return new AssertionError(
        "%s: %s%n$ %s%n%s".formatted(command.getFirst(), what, String.join(" ", command), log()),
        cause);
  }

  /** Everything it printed so far. */
  public String log() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public long pid() {
    return process.pid();
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  /** SIGKILL; returns when it is gone. */
  public void kill() {
    process.destroyForcibly();
    waitForEnd();
  }

  /** SIGTERM; returns its exit status when it has ended, which it must within a minute. */
  public int terminate() {
    process.destroy();
    return waitForEnd();
  }

  /** SIGSTOP: it stands still, its connections stay open. */
  public void pause() {
    signal("STOP");
  }

  /** SIGCONT. */
  public void resume() {
    signal("CONT");
  }

  private void signal(String name) {
    Tool.of("sh", "-c", "kill -s %s %d".formatted(name, pid())).run();
  }

  private int waitForEnd() {
    try {
      if (!process.waitFor(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
        throw failure("does not end", null);
      }
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw failure("interrupted while it ended", e);
    }
  }

  /** Ends it gently if it still runs; fails, and ends it by force, if that does not help. */
  @Override
  public void close() {
    process.destroy();
    Tool.of("sh", "-c", "kill -s CONT " + pid()).runToAnyEnd(); // a paused one ends only then
    waitForEnd();
  }

  /** Something to wait for; an exception means not yet. */
  @FunctionalInterface
  public interface Condition {
    boolean holds() throws IOException;
  }
}
