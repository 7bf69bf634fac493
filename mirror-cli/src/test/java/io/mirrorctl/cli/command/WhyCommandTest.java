package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class WhyCommandTest {
  @TempDir Path directory;
  private NodeRig rig;

  @BeforeEach
  void start() throws IOException, InterruptedException {
    rig = NodeRig.start(directory);
  }

  @AfterEach
  void stop() throws IOException {
    rig.close();
  }

  @Test
  void nothingWaitsOnANodeWithoutArraysAndOnOneThatIsIdle() throws IOException {
    assertThat(rig.run("why").out()).isEqualTo("nothing waits\n");
    rig.mirror();

    assertThat(rig.run("why", "m"))
        .satisfies(run -> assertThat(run.code()).isZero())
        .satisfies(run -> assertThat(run.out()).isEqualTo("nothing waits\n"));
    assertThat(rig.run("why", "--json").json().get("waits").isEmpty()).isTrue();
    assertThat(rig.run("why", "x").err()).contains("no array x: this node has m");
  }

  @Test
  void aCopyThatWasPausedSaysWhatLetsItGoOn() throws IOException {
    List<Path> disks = rig.mirror();
    rig.run("fail", "m", disks.get(1));
    rig.run("remove", "m", disks.get(1));
    rig.run("sync", "m", "--pause");
    rig.run("add", "m", rig.file("c", NodeRig.DISK_BYTES));

    JsonNode wait = rig.run("why", "m", "--json").json().get("waits").get(0);

    assertThat(wait.get("array").asString()).isEqualTo("m");
    assertThat(wait.get("who").asString()).isEqualTo("the copying between members");
    assertThat(wait.get("by").isNull()).isTrue();
    assertThat(wait.get("millis").isNull()).isTrue();
    assertThat(wait.get("atLeast").asBoolean()).isFalse();
    assertThat(wait.get("because").isEmpty()).isTrue();
    assertThat(wait.get("advice").asString()).contains("mirrorctl sync m --resume");
    assertThat(rig.run("why").out())
        .isEqualTo(
            """
            m: the copying between members waits for somebody who lets it go on
              (it was paused; mirrorctl sync m --resume)
            """);
    rig.run("sync", "m", "--resume");
    assertThat(rig.run("wait", "m").code()).isZero();
    assertThat(rig.run("why").out()).isEqualTo("nothing waits\n");
  }
}
