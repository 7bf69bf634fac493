package io.mirrorctl.it;

import static io.mirrorctl.it.MemberFiles.mirrorctl;
import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.cluster.ClusterMembers;
import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.nbd.NbdClientConfig;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes as processes that share an array, and one that dies or sleeps while it writes. */
class ClusterIT {
  private static final long DISK_BYTES = 32 << 20;
  private static final String SESSION = "5s";
  private static final long PART = 4 << 20;
  private static final long ENOUGH = 200;

  /** Above all that a writer counts to. */
  private static final long NEWER = 1L << 40;

  @TempDir Path directory;
  private final List<NodeProcess> nodes = new ArrayList<>();
  private List<Path> disks;

  @BeforeEach
  void create() {
    disks = MemberFiles.createShared(DISK_BYTES, directory.resolve("a"), directory.resolve("b"));
  }

  @AfterEach
  void stop() {
    nodes.reversed().forEach(NodeProcess::close);
  }

  /** The first one brings ZooKeeper along. */
  private NodeProcess node(String name) {
    List<Object> arguments = new ArrayList<>(List.of("--cluster", "c", "--name", name));
    if (nodes.isEmpty()) {
      arguments.addAll(
          List.of("--embedded-zookeeper", directory.resolve("zk"), "--session-timeout", SESSION));
    } else {
      arguments.addAll(List.of("--zookeeper", nodes.getFirst().ready().fields().get("zookeeper")));
    }
    arguments.addAll(List.of("--socket", directory.resolve(name + ".sock")));
    arguments.addAll(List.of("--nbd", "unix:" + directory.resolve(name + ".nbd")));
    arguments.addAll(List.of("--assemble", MemberFiles.assemble("m", disks)));
    NodeProcess node = NodeProcess.start(directory.resolve(name + ".log"), arguments.toArray());
    nodes.add(node);
    return node;
  }

  private static NbdDevice connect(NodeProcess node) throws IOException {
    return NbdDevice.connect(
        NbdUri.parse(node.ready().uri("m")),
        NbdClientConfig.DEFAULT.withRetryLimit(Duration.ZERO),
        Env.system());
  }

  private static <T> T ask(NodeProcess node, NodeRequest request, Class<T> answer)
      throws IOException, InterruptedException {
    return new NodeClient(node.ready().socket()).ask(request, answer);
  }

  private static List<String> members(NodeProcess node) throws IOException, InterruptedException {
    return ask(node, new NodeRequest.Members(), ClusterMembers.class).nodes().stream()
        .map(ClusterMembers.Member::name)
        .toList();
  }

  private static List<String> slots(NodeProcess node) throws IOException, InterruptedException {
    return ask(node, new NodeRequest.Detail("m"), ArrayDetail.class).slots().stream()
        .map(slot -> slot.node() + " " + slot.state())
        .toList();
  }

  private static void soon(String what, Callable<Boolean> condition) {
    Awaitility.await(what).ignoreExceptions().atMost(Duration.ofSeconds(90)).until(condition);
  }

  private static void awaitInSync(NodeProcess node) throws IOException, InterruptedException {
    ask(
        node,
        new NodeRequest.Wait("m", NodeRequest.Wait.Until.IN_SYNC, OptionalLong.of(60_000)),
        ArrayDetail.class);
  }

  /** Ends all nodes; the one with ZooKeeper last. */
  private void endCleanlyWithEqualMembers() throws IOException {
    for (NodeProcess node : nodes.reversed()) {
      if (node.isAlive()) {
        assertThat(node.terminate()).as(node.log()).isZero();
      }
    }
    mirrorctl("compare", disks.get(0), disks.get(1)).run();
    for (Path disk : disks) {
      assertThat(MemberFiles.dirtyChunks(disk)).isZero();
    }
  }

  @Test
  void aNodeIsKilledWhileItWritesAndTheOthersLoseNothingOfWhatWasAcknowledged()
      throws IOException, InterruptedException {
    NodeProcess first = node("n1");
    NodeProcess second = node("n2");
    NodeProcess third = node("n3");
    try (NumberedWriter killed = NumberedWriter.start(connect(second), 0);
        NumberedWriter goesOn = NumberedWriter.start(connect(third), PART)) {
      soon("both write", () -> killed.count() > ENOUGH && goesOn.count() > ENOUGH);

      second.kill();

      soon("takeover", () -> slots(first).equals(List.of("n1 active", "n3 active")));
      long before = goesOn.count();
      soon("writes go on", () -> goesOn.count() > before + ENOUGH);
      assertThat(killed.ended().join()).isPresent();
      assertThat(goesOn.stop()).isEmpty();
      awaitInSync(first);
      try (NbdDevice reader = connect(first)) {
        killed.check(reader);
        goesOn.check(reader);
      }
    }
    assertThat(members(first)).containsExactly("n1", "n3");
    endCleanlyWithEqualMembers();
  }

  @Test
  void aNodeThatSleepsBeyondItsSessionWritesNothingOldAndComesBack()
      throws IOException, InterruptedException {
    NodeProcess first = node("n1");
    NodeProcess second = node("n2");
    try (NumberedWriter asleep = NumberedWriter.start(connect(second), 0)) {
      soon("it writes", () -> asleep.count() > ENOUGH);

      second.pause();
      soon("takeover", () -> slots(first).equals(List.of("n1 active")));
      try (NbdDevice writer = connect(first)) {
        asleep.check(writer);
        for (int block = 0; block < NumberedWriter.BLOCKS; block++) {
          NumberedWriter.write(writer, 0, block, NEWER + block);
        }
      }
      second.resume();

      assertThat(asleep.ended().join()).isPresent();
    }
    soon("it is back", () -> slots(second).equals(List.of("n1 active", "n2 active")));
    for (NodeProcess node : List.of(first, second)) {
      try (NbdDevice reader = connect(node)) {
        for (int block = 0; block < NumberedWriter.BLOCKS; block++) {
          assertThat(NumberedWriter.read(reader, 0, block).getLong()).isEqualTo(NEWER + block);
        }
      }
    }
    assertThat(second.log()).contains("halted");
    awaitInSync(first);
    endCleanlyWithEqualMembers();
  }
}
