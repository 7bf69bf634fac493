package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
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

  private static String metrics(ClusterRig node) throws IOException, InterruptedException {
    HttpResponse<String> answer = Http.get(node.node().httpAddress().orElseThrow(), "/metrics");
    assertThat(answer.statusCode()).isEqualTo(200);
    return answer.body();
  }

  @Test
  void metricsSayHowArraysAndClusterAreAndAreThoseOfTheDocumentation() throws Exception {
    List<Path> own = ClusterRig.disks(directory, BitmapKind.INTERNAL, "x", "y");
    one.done("assemble", "own", own.get(0), own.get(1));
    one.done("fail", "own", own.get(1));
    one.done("remove", "own", own.get(1));
    one.done("sync", "own", "--pause");
    one.done("add", "own", own.get(1), "--force");

    String metrics = metrics(one);

    assertThat(Http.value(metrics, "mirrorctl_array_state{array=\"m\",state=\"clean\"}")).isOne();
    assertThat(Http.value(metrics, "mirrorctl_array_state{array=\"own\",state=\"recovering\"}"))
        .isOne();
    assertThat(Http.value(metrics, "mirrorctl_array_state{array=\"own\",state=\"clean\"}"))
        .isZero();
    assertThat(Http.value(metrics, "mirrorctl_array_degraded{array=\"own\"}")).isOne();
    assertThat(Http.value(metrics, "mirrorctl_array_members{array=\"m\",state=\"in-sync\"}"))
        .isEqualTo(2);
    assertThat(
            Http.value(metrics, "mirrorctl_array_sync_paused{action=\"recovery\",array=\"own\"}"))
        .isOne();
    assertThat(Http.value(metrics, "mirrorctl_cluster_nodes{cluster=\"c\",state=\"up\"}"))
        .isEqualTo(2);
    assertThat(Http.value(metrics, "mirrorctl_cluster_epoch{cluster=\"c\"}")).isEqualTo(2);
    assertThat(Http.value(metrics, "mirrorctl_cluster_joined{cluster=\"c\"}")).isOne();
    assertThat(Http.value(metrics, "mirrorctl_cluster_lease_remaining_seconds{cluster=\"c\"}"))
        .isBetween(0.1, 4.0);
    assertThat(Http.value(metrics, "mirrorctl_zookeeper_operations_total{kind=\"commit\"}"))
        .isPositive();
    assertThat(Http.value(metrics, "mirrorctl_ready")).isOne();
    Set<String> documented = new TreeSet<>(Http.documented("mirrorctl_"));
    documented.removeAll(Http.documented("mirrorctl_served_"));
    assertThat(Http.names(metrics)).isEqualTo(documented);
    two.done("leave");
    assertThat(Http.value(metrics(two), "mirrorctl_cluster_joined{cluster=\"c\"}")).isZero();
    HttpResponse<String> ready = Http.get(two.node().httpAddress().orElseThrow(), "/ready");
    assertThat(ready.statusCode()).isEqualTo(503);
    assertThat(ready.body()).contains("is not in cluster c: it has left");
  }
}
