package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.daemon.NodeEvent;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.Format;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

@Timeout(60)
class EventCommandsTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @TempDir Path directory;
  private final StringWriter told = new StringWriter();
  private final Console console =
      new Console(new PrintWriter(new StringWriter()), new PrintWriter(told), Format.TEXT, false);

  private EventCommands commands(String command, Duration limit, int mostWaiting) {
    return new EventCommands(
        new EventCommands.Settings(command, limit, mostWaiting),
        directory.resolve("node.sock"),
        console,
        Env.system());
  }

  private static NodeEvent event(int number) {
    return new NodeEvent(
        "2026-11-20T12:00:00Z",
        "m",
        "member-failed",
        Optional.of("/disk" + number),
        Optional.empty(),
        Optional.empty(),
        "failed \"so\"\n%d".formatted(number));
  }

  private List<String> lines(String file) throws IOException {
    return Files.readAllLines(directory.resolve(file));
  }

  @Test
  void theEventIsALineOfJsonOnItsStandardInput() throws IOException {
    try (EventCommands commands =
        commands("sh -c 'cat >> %s'".formatted(directory.resolve("in")), LONG, 10)) {
      commands.run(event(1));
      commands.run(event(2));
    }

    assertThat(lines("in")).containsExactly(event(1).toJson(), event(2).toJson());
    assertThat(JsonMapper.shared().readTree(lines("in").getFirst()).get("disk").asString())
        .isEqualTo("/disk1");
    assertThat(told.toString()).isEmpty();
  }

  @Test
  void aCommandThatReadsNothingAndOneThatFailsHoldNothingUp() throws IOException {
    try (EventCommands commands =
        commands("echo x >> %s; exit 3 #".formatted(directory.resolve("ran")), LONG, 10)) {
      commands.run(event(1));
      commands.run(event(2));
    }

    assertThat(lines("ran")).hasSize(2);
    assertThat(told.toString().lines()).hasSize(2).allMatch(l -> l.contains("ended with status 3"));
  }

  @Test
  void aCommandThatDoesNotEndIsKilledWithWhatItStartedAndTheNextRuns() throws IOException {
    Path script = directory.resolve("script");
    Files.writeString(
        script,
        """
        [ "$3" = /disk2 ] && { echo next > %s; exit 0; }
        sleep 1000 &
        echo $! > %s
        wait
        """
            .formatted(directory.resolve("next"), directory.resolve("child")));
    try (EventCommands commands = commands("sh " + script, Duration.ofMillis(500), 10)) {
      commands.run(event(1));
      commands.run(event(2));
    }

    assertThat(lines("next")).containsExactly("next");
    assertThat(told.toString()).contains("was killed for member-failed of m", "--exec-timeout");
    long child = Long.parseLong(lines("child").getFirst());
    Awaitility.await()
        .until(() -> ProcessHandle.of(child).filter(ProcessHandle::isAlive).isEmpty());
  }

  @Test
  void eventsThatFindTheQueueFullAreCountedAndToldByAnEventInTheirPlace() throws IOException {
    Path go = directory.resolve("go");
    Path out = directory.resolve("out");
    String command =
        "echo \"$MIRRORCTL_EVENT $MIRRORCTL_DISK $MIRRORCTL_MESSAGE\" >> %s; until [ -e %s ]; do sleep 0.02; done; true"
            .formatted(out, go);
    try (EventCommands commands = commands(command, LONG, 2)) {
      commands.run(event(1));
      Awaitility.await().until(() -> Files.exists(out)); // it is not in the queue any more
      for (int number = 2; number <= 6; number++) {
        commands.run(event(number));
      }
      Files.createFile(go);
    }

    assertThat(lines("out"))
        .filteredOn(line -> line.contains("/disk") || line.startsWith("events-lost"))
        .hasSize(4)
        .satisfiesExactly(
            line -> assertThat(line).contains("/disk1"),
            line -> assertThat(line).contains("/disk2"),
            line -> assertThat(line).contains("/disk3"),
            line -> assertThat(line).startsWith("events-lost").contains("3 events are missing"));
  }

  @Test
  void whatComesAfterALossIsRunAgain() throws IOException {
    Path out = directory.resolve("out");
    try (EventCommands commands = commands("echo \"$MIRRORCTL_DISK\" >> " + out + " #", LONG, 1)) {
      for (int number = 1; number <= 20; number++) {
        commands.run(event(number));
      }
      Awaitility.await()
          .until(() -> {
            commands.run(event(21));
            return Files.exists(out) && Files.readString(out).contains("/disk21");
          });
    }
  }
}
