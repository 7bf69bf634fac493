package io.mirrorctl.cli.cluster;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.mirrorctl.cli.output.PlainText;
import io.mirrorctl.dlm.member.FenceAgent;
import io.mirrorctl.dlm.member.Incarnation;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A fence agent that is a shell command. It finds its victim in the environment, {@code
 * MIRRORCTL_NODE} (the name), {@code MIRRORCTL_NODE_NUMBER} and {@code MIRRORCTL_INCARNATION}, and
 * ends with status 0 when the victim can write no more, with any other when that is not sure.
 */
final class FenceCommand implements FenceAgent {
  private static final Logger LOG = LoggerFactory.getLogger(FenceCommand.class);

  /** After this a command is killed. */
  static final Duration LIMIT = Duration.ofSeconds(30);

  private static final Redirect NOTHING = Redirect.from(new File("/dev/null"));
  private static final int LONGEST_REASON = 200;

  private final String command;
  private final Duration limit;
  private final IntFunction<String> names;
  private final Executor io;

  /**
   * @param names gives a node's name for its number
   * @param io runs the command
   */
  FenceCommand(String command, Duration limit, IntFunction<String> names, Executor io) {
    this.command = command;
    this.limit = limit;
    this.names = names;
    this.io = io;
  }

  @Override
  public CompletionStage<Answer> fence(Incarnation victim) {
    return CompletableFuture.supplyAsync(
        () -> {
          Answer answer = run(victim);
          if (answer instanceof Answer.NotYet(String reason)) {
            LOG.warn("{} is not fenced: {}", victim, reason);
          } else {
            LOG.info("{} is fenced", victim);
          }
          return answer;
        },
        io);
  }

  private Answer run(Incarnation victim) {
    Process process;
    try {
      process = start(victim);
    } catch (IOException e) {
      return new Answer.NotYet("the fence command cannot be run: " + e.getMessage());
    }
    CompletableFuture<String> said =
        CompletableFuture.supplyAsync(() -> lastLine(process.getErrorStream()), io);
    try {
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        return new Answer.NotYet(
            "the fence command was killed: not done after %d ms".formatted(limit.toMillis()));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Answer.NotYet("the fence command was killed: this node ends");
    } finally {
      kill(process);
    }
    if (process.exitValue() == 0) {
      return new Answer.Fenced();
    }
    // what it started may keep its standard error open
    String reason = said.completeOnTimeout("", 1, TimeUnit.SECONDS).exceptionally(_ -> "").join();
    return new Answer.NotYet(
        "the fence command ended with status %d%s"
            .formatted(process.exitValue(), reason.isEmpty() ? "" : ": " + reason));
  }

  private Process start(Incarnation victim) throws IOException {
    var builder =
        new ProcessBuilder("/bin/sh", "-c", command)
            .redirectInput(NOTHING)
            .redirectOutput(Redirect.DISCARD);
    builder
        .environment()
        .putAll(
            Map.of(
                "MIRRORCTL_NODE", names.apply(victim.node()),
                "MIRRORCTL_NODE_NUMBER", Integer.toString(victim.node()),
                "MIRRORCTL_INCARNATION", Long.toString(victim.number())));
    return builder.start();
  }

  private static void kill(Process process) {
    Stream.concat(process.descendants(), Stream.of(process.toHandle()))
        .toList()
        .forEach(ProcessHandle::destroyForcibly);
  }

  private static String lastLine(InputStream stream) {
    String last = "";
    try (var lines = new BufferedReader(new InputStreamReader(stream, UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (!line.isBlank()) {
          last = line.strip();
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return PlainText.of(last.length() > LONGEST_REASON ? last.substring(0, LONGEST_REASON) : last);
  }
}
