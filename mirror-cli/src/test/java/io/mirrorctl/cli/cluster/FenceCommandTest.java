package io.mirrorctl.cli.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.member.FenceAgent.Answer;
import io.mirrorctl.dlm.member.Incarnation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FenceCommandTest {
  private static final Incarnation VICTIM = new Incarnation(3, 17);

  @TempDir Path directory;

  private static Answer fence(String command, Duration limit) {
    var agent = new FenceCommand(command, limit, number -> "node-" + number, Env.system().io());
    return agent.fence(VICTIM).toCompletableFuture().join();
  }

  private static Answer fence(String command) {
    return fence(command, FenceCommand.LIMIT);
  }

  @Test
  void statusZeroIsAYesAndTheVictimIsInTheEnvironment() throws IOException {
    Path out = directory.resolve("out");

    Answer answer =
        fence(
            "echo $MIRRORCTL_NODE $MIRRORCTL_NODE_NUMBER $MIRRORCTL_INCARNATION > '%s'"
                .formatted(out));

    assertThat(answer).isEqualTo(new Answer.Fenced());
    assertThat(Files.readString(out)).isEqualTo("node-3 3 17\n");
  }

  @Test
  void anyOtherStatusIsNotYetWithTheLastLineOfItsErrors() {
    assertThat(fence("echo one >&2; echo 'no power switch' >&2; exit 7"))
        .isEqualTo(new Answer.NotYet("the fence command ended with status 7: no power switch"));
    assertThat(fence("exit 1"))
        .isEqualTo(new Answer.NotYet("the fence command ended with status 1"));
  }

  @Test
  void aCommandThatDoesNotEndIsKilledWithAllThatItStarted() throws IOException {
    Path pids = directory.resolve("pids");

    Answer answer =
        fence("sleep 1000 & echo $! > '%s'; wait".formatted(pids), Duration.ofSeconds(1));

    assertThat(answer).isInstanceOf(Answer.NotYet.class);
    long child = Long.parseLong(Files.readString(pids).strip());
    // one that was killed may be seen until its parent has noticed
    ProcessHandle.of(child)
        .ifPresent(handle -> handle.onExit().orTimeout(30, TimeUnit.SECONDS).join());
  }
}
