package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** What two nodes with a real ZooKeeper between them say of who has what, and who waits. */
class InsightCommandsTest {
  @TempDir Path directory;
  private EmbeddedZooKeeper zookeeper;
  private ClusterRig one;
  private ClusterRig two;

  @BeforeEach
  void start() throws IOException, InterruptedException, StoreException {
    zookeeper =
        EmbeddedZooKeeper.start(
            EmbeddedZooKeeper.Options.in(directory.resolve("zk")).withTick(Duration.ofSeconds(1)));
    one = ClusterRig.start(zookeeper, directory, "n1");
    two = ClusterRig.start(zookeeper, directory, "n2");
    List<Path> disks = ClusterRig.disks(directory, BitmapKind.CLUSTERED, "a", "b");
    one.done("assemble", "m", disks.get(0), disks.get(1));
    two.done("assemble", "m", disks.get(0), disks.get(1));
  }

  @AfterEach
  void stop() throws IOException {
    try {
      two.close();
    } finally {
      try {
        one.close();
      } finally {
        zookeeper.close();
      }
    }
  }

  @Test
  void locksShowsWhoHasTheSlotsOfTheArray() throws IOException {
    JsonNode array = one.done("locks", "m", "--json").json().get("arrays").get(0);

    assertThat(array.get("name").asString()).isEqualTo("m");
    assertThat(array.get("lockspace").asString()).startsWith("md-");
    JsonNode second =
        array
            .get("locks")
            .valueStream()
            .filter(lock -> lock.get("resource").asString().equals("bitmap0001"))
            .filter(lock -> lock.get("state").asString().equals("granted"))
            .findFirst()
            .orElseThrow();
    assertThat(second.get("node").asString()).isEqualTo("n2");
    assertThat(second.get("slot").asInt()).isEqualTo(1);
    assertThat(second.get("granted").asString()).isEqualTo("PW");
    assertThat(second.get("requested").isNull()).isTrue();
    assertThat(second.get("place").isNull()).isTrue();
    assertThat(second.get("valueValid").asBoolean()).isTrue();
    assertThat(second.get("waitMillis").isNull()).isTrue();
    assertThat(second.get("heldAtLeastMillis").asLong()).isNotNegative();
    assertThat(second.get("behind").isEmpty()).isTrue();
    assertThat(two.done("locks").out())
        .contains("m, generation 2")
        .containsPattern("Resource +Slot +Node +State +Has +Wants")
        .containsPattern("bitmap0000 +0 +n1 +granted +PW +- +- +valid");
  }

  @Test
  void locksOfAnArrayThatIsNotSharedAreRefusedByName() throws IOException {
    List<Path> own = ClusterRig.disks(directory, BitmapKind.INTERNAL, "x", "y");
    one.done("assemble", "own", own.get(0), own.get(1));

    assertThat(one.run("locks", "own"))
        .satisfies(run -> assertThat(run.code()).isEqualTo(1))
        .satisfies(run -> assertThat(run.err()).contains("own has no locks"));
    assertThat(one.run("locks", "nothing").err()).contains("no array nothing");
    assertThat(one.done("locks").out()).contains("m, generation 2").doesNotContain("own");
  }
}
