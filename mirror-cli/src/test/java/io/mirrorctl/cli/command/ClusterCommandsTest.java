package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeEvent;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.nbd.NbdClientConfig;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Two nodes, with a real ZooKeeper between them, and what operators do with them. */
class ClusterCommandsTest {
  @TempDir Path directory;
  private EmbeddedZooKeeper zookeeper;
  private ClusterRig one;
  private ClusterRig two;
  private List<Path> disks;

  @BeforeEach
  void start() throws IOException, InterruptedException, StoreException {
    zookeeper =
        EmbeddedZooKeeper.start(
            EmbeddedZooKeeper.Options.in(directory.resolve("zk")).withTick(Duration.ofSeconds(1)));
    one = ClusterRig.start(zookeeper, directory, "n1");
    two = ClusterRig.start(zookeeper, directory, "n2");
    disks = members(BitmapKind.CLUSTERED, "a", "b");
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

  private List<Path> members(BitmapKind kind, String... names) throws IOException {
    return ClusterRig.disks(directory, kind, names);
  }

  private void assembleOnBoth() {
    one.done("assemble", "m", disks.get(0), disks.get(1));
    two.done("assemble", "m", disks.get(0), disks.get(1));
  }

  private static NbdDevice connect(ClusterRig node) throws IOException {
    return NbdDevice.connect(
        NbdUri.parse(node.uri("m")),
        NbdClientConfig.DEFAULT.withRetryLimit(Duration.ZERO),
        Env.system());
  }

  private static ByteBuffer random(long seed) {
    byte[] data = new byte[256 << 10];
    new SplittableRandom(seed).nextBytes(data);
    return ByteBuffer.wrap(data);
  }

  private static ByteBuffer read(ClusterRig node) throws IOException {
    try (NbdDevice client = connect(node)) {
      ByteBuffer found = ByteBuffer.allocate(256 << 10);
      client.read(1 << 20, found);
      return found.flip();
    }
  }

  private static void write(ClusterRig node, long seed) throws IOException {
    try (NbdDevice client = connect(node)) {
      client.write(1 << 20, random(seed), WriteOption.NONE);
    }
  }

  private static JsonNode members(ClusterRig node) {
    return node.done("members", "--json").json();
  }

  private static List<String> names(ClusterRig node) {
    return members(node).get("nodes").valueStream().map(n -> n.get("name").asString()).toList();
  }

  private static ConditionFactory soon() {
    return Awaitility.await().atMost(Duration.ofSeconds(60));
  }

  /** What a node has asked of ZooKeeper, except to renew its lease. */
  private static List<Long> asked(ClusterRig node) {
    JsonNode use = members(node).get("zookeeper");
    return List.of(
        use.get("commits").asLong() - use.get("renewals").asLong(), use.get("reads").asLong());
  }

  private static void writeAndReadOften(ClusterRig node, int first, int count) throws IOException {
    try (NbdDevice client = connect(node)) {
      ByteBuffer block = ByteBuffer.allocate(4096);
      for (int i = 0; i < count; i++) {
        long offset = (long) (first + i * 7 % 512) * 4096;
        client.write(offset, block.clear(), WriteOption.NONE);
        client.read(offset, block.clear());
      }
      client.flush();
    }
  }

  @Test
  void readingAndWritingAsksNothingOfZooKeeper() throws IOException {
    assembleOnBoth();
    write(one, 1);
    write(two, 2);
    names(one);
    List<List<Long>> seen = new ArrayList<>(List.of(asked(one), asked(two)));
    soon()
        .pollInterval(Duration.ofMillis(500))
        .until(() -> {
          List<List<Long>> before = List.copyOf(seen);
          seen.clear();
          seen.addAll(List.of(asked(one), asked(two)));
          return seen.equals(before);
        });

    writeAndReadOften(one, 0, 2500);
    writeAndReadOften(two, 256, 2500);

    assertThat(List.of(asked(one), asked(two))).as("commits, reads").isEqualTo(seen);
    soon().until(() -> members(one).get("zookeeper").get("renewals").asLong() > 0);
  }

  @Test
  void whatOneNodeWritesTheOtherReadsAndBothAreShown() throws IOException {
    assertThat(one.node().readyLine()).endsWith(" zookeeper=" + zookeeper.connectString());
    assembleOnBoth();

    write(one, 1);
    assertThat(read(two)).isEqualTo(random(1));
    write(two, 2);
    assertThat(read(one)).isEqualTo(random(2));

    JsonNode members = members(two);
    assertThat(members.get("self").asString()).isEqualTo("n2");
    assertThat(members.get("epoch").asLong()).isEqualTo(2);
    JsonNode second = members.get("nodes").get(1);
    assertThat(second.get("name").asString()).isEqualTo("n2");
    assertThat(second.get("number").asInt()).isEqualTo(2);
    assertThat(second.get("state").asString()).isEqualTo("up");
    assertThat(second.get("slot").asInt()).isEqualTo(1);
    JsonNode slots = one.done("detail", "m", "--json").json().get("slots");
    assertThat(slots.valueStream().map(slot -> slot.get("node").asString()))
        .containsExactly("n1", "n2");
    assertThat(one.done("status").out()).contains("slots 0 n1, 1 n2");
  }

  @Test
  void anEjectedNodeTellsItsClientsAndComesBackAsANewIncarnation() throws Exception {
    assembleOnBoth();
    write(two, 3);
    long before = members(one).get("nodes").get(1).get("incarnation").asLong();
    List<String> told = new CopyOnWriteArrayList<>();
    CompletableFuture<Void> listening = listen(two, told);
    try (NbdDevice client = connect(two)) {
      assertThat(one.done("eject", "n2", "--dry-run").out())
          .contains("n2 (number 2, incarnation ", ", up) would be ejected", "nothing was changed");
      assertThat(one.done("eject", "n2").out()).contains("is ejected");

      soon().until(() -> told.contains("rejoined"));
      assertThatThrownBy(() -> client.read(0, ByteBuffer.allocate(4096)))
          .isInstanceOf(IOException.class);
    }
    soon().until(() -> told.contains("rejoined") && two.run("detail", "m").code() == 0);
    assertThat(told).containsSubsequence("halted", "rejoined", "array-assembled");
    assertThat(read(two)).isEqualTo(random(3));
    assertThat(members(one).get("nodes").get(1).get("incarnation").asLong()).isGreaterThan(before);
    assertThat(listening).isNotDone();
  }

  private static CompletableFuture<Void> listen(ClusterRig node, List<String> told)
      throws InterruptedException {
    var begun = new CompletableFuture<Void>();
    CompletableFuture<Void> listening =
        CompletableFuture.runAsync(
            () -> {
              try {
                new NodeClient(node.node().socket())
                    .ask(
                        new NodeRequest.Monitor(),
                        NodeEvent.class,
                        event -> {
                          told.add(event.event());
                          begun.complete(null);
                        },
                        JsonNode.class);
              } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
              }
            },
            Env.system().io());
    // an event that shows that it listens
    soon()
        .until(() -> {
          node.done("regroup");
          return begun.isDone();
        });
    return listening;
  }

  @Test
  void aStoppedArrayGivesItsSlotUpAndTheOtherNodeGoesOn() throws IOException {
    assembleOnBoth();
    write(one, 4);

    one.done("stop", "m");

    assertThat(one.run("detail", "m").err()).contains("no array m");
    JsonNode slots = two.done("detail", "m", "--json").json().get("slots");
    assertThat(slots.valueStream().map(slot -> slot.get("node").asString())).containsExactly("n2");
    assertThat(read(two)).isEqualTo(random(4));
    one.done("assemble", "m", disks.get(0), disks.get(1));
    assertThat(read(one)).isEqualTo(random(4));
  }

  @Test
  void whoLeavesKeepsOnlyTheArraysThatAreItsOwn() throws IOException {
    assembleOnBoth();
    List<Path> own = members(BitmapKind.INTERNAL, "x", "y");
    two.done("assemble", "own", own.get(0), own.get(1));

    assertThat(two.done("leave").out()).contains("n2 has left cluster c");

    soon().until(() -> names(one).equals(List.of("n1")));
    assertThat(two.done("status").out()).contains("own :").doesNotContain("m :");
    assertThat(members(two).get("state").asString()).contains("left");
    assertThat(two.run("assemble", "m", disks.get(0), disks.get(1)).err())
        .contains("has left cluster c");
  }

  @Test
  void aNameIsThatOfOneNodeAndHasItsNumberForEver() throws IOException, InterruptedException {
    assertThatThrownBy(() -> ClusterRig.start(zookeeper, directory, "n1", "elsewhere"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("n1")
        .hasMessageContaining("is up");

    one.close();
    one = ClusterRig.start(zookeeper, directory, "n1");

    JsonNode first = members(two).get("nodes").get(0);
    assertThat(first.get("name").asString()).isEqualTo("n1");
    assertThat(first.get("number").asInt()).isEqualTo(1);
    assertThat(first.get("incarnation").asLong()).isGreaterThan(2);
  }

  @Test
  void aNodeThatAsksAnotherZooKeeperIsRefusedWhileTheArrayIsInUse() throws Exception {
    one.done("assemble", "m", disks.get(0), disks.get(1));
    assertThat(Cli.run("examine", disks.get(0)).out())
        .contains("Claim of Slot 0 : held by node n1 of cluster c");
    EmbeddedZooKeeper.Options options = EmbeddedZooKeeper.Options.in(directory.resolve("zk2"));
    try (EmbeddedZooKeeper other = EmbeddedZooKeeper.start(options);
        ClusterRig stranger = ClusterRig.start(other, directory, "x1")) {
      assertThat(stranger.run("assemble", "m", disks.get(0), disks.get(1), "--force"))
          .satisfies(run -> assertThat(run.code()).isEqualTo(4))
          .satisfies(run -> assertThat(run.err()).contains("is in use by node n1 of cluster c"));
      one.done("stop", "m");
      JsonNode claims = Cli.run("examine", "--json", disks.get(1)).json().get("claims");
      assertThat(claims.get(0).get("state").asString()).isEqualTo("released");
      stranger.done("assemble", "m", disks.get(0), disks.get(1));
    }
  }

  @Test
  void whatMakesNoSenseForASharedArrayIsRefused() throws IOException {
    assembleOnBoth();

    two.done("stop", "m");
    assertThat(two.run("assemble", "m", disks.get(0), disks.get(1), "--readonly"))
        .satisfies(run -> assertThat(run.code()).isEqualTo(2))
        .satisfies(run -> assertThat(run.err()).contains("cannot be assembled read-only"));
    assertThat(one.run("eject", "n9").err()).contains("no node n9");
    assertThat(one.run("eject", "n9", "--dry-run").err()).contains("no node n9; it has n1");
    assertThat(one.run("eject", "n1", "--dry-run").err()).contains("cannot eject itself");
    assertThat(one.run("eject", "n1").err()).contains("cannot eject itself");
  }
}
