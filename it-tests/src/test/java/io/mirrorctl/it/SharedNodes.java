package io.mirrorctl.it;

import io.mirrorctl.cli.cluster.ClusterMembers;
import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.awaitility.Awaitility;

/**
 * Nodes as processes on this host that share the array {@code m}, and a ZooKeeper that survives
 * them all: it runs in the test's own process.
 *
 * <p>Threading: nodes are started and ended by one thread; questions may come from any.
 */
final class SharedNodes implements AutoCloseable {
  static final String ARRAY = "m";
  private static final Duration PATIENCE = Duration.ofSeconds(90);
  private static final long ANSWER_SECONDS = 2;
  static final Duration TICK = Duration.ofSeconds(1);

  private final Path directory;
  private final List<Path> disks;
  private final Duration session;
  private final EmbeddedZooKeeper zookeeper;
  private final List<NodeProcess> nodes = new ArrayList<>();

  /** One life of a node in the cluster. */
  record Incarnation(int node, long number) {}

  private SharedNodes(
      Path directory, List<Path> disks, Duration session, EmbeddedZooKeeper zookeeper) {
    this.directory = directory;
    this.disks = disks;
    this.session = session;
    this.zookeeper = zookeeper;
  }

  /**
   * Starts nodes {@code n1} and so on, which find the array on these disks.
   *
   * @param directory for sockets, logs and ZooKeeper's data; its path must be short enough for a
   *     socket
   */
  static SharedNodes start(Path directory, List<Path> disks, Duration session, int count) {
    EmbeddedZooKeeper zookeeper = zookeeper(directory.resolve("zk"));
    var nodes = new SharedNodes(directory, disks, session, zookeeper);
    try {
      for (int node = 0; node < count; node++) {
        nodes.nodes.add(nodes.process(node));
      }
      return nodes;
    } catch (AssertionError e) {
      nodes.close();
      throw e;
    }
  }

  private static EmbeddedZooKeeper zookeeper(Path data) {
    try {
      return EmbeddedZooKeeper.start(EmbeddedZooKeeper.Options.in(data).withTick(TICK));
    } catch (StoreException e) {
      throw new AssertionError("no ZooKeeper", e);
    }
  }

  private NodeProcess process(int node) {
    return NodeProcess.start(
        directory.resolve(name(node) + ".log"),
        "--cluster",
        "c",
        "--name",
        name(node),
        "--zookeeper",
        zookeeper.connectString(),
        "--session-timeout",
        session.toSeconds() + "s",
        "--socket",
        control(node),
        "--nbd",
        "unix:" + nbd(node),
        "--assemble",
        MemberFiles.assemble(ARRAY, disks));
  }

  static String name(int node) {
    return "n" + (node + 1);
  }

  private Path control(int node) {
    return directory.resolve(name(node) + ".sock");
  }

  private Path nbd(int node) {
    return directory.resolve(name(node) + ".nbd");
  }

  int count() {
    return nodes.size();
  }

  /** The process of a node, to do something to it. */
  NodeProcess node(int node) {
    return nodes.get(node);
  }

  RawNbd connect(int node) throws IOException {
    return RawNbd.connect(nbd(node), ARRAY);
  }

  String uri(int node) {
    return "nbd+unix:///%s?socket=%s".formatted(ARRAY, nbd(node));
  }

  /** Asks a node; an {@link IOException} if it is not there, stands still or refuses. */
  <T> T ask(int node, NodeRequest request, Class<T> answer)
      throws IOException, InterruptedException {
    // a node that stands still does not even close its socket
    var asking = new FutureTask<>(() -> new NodeClient(control(node)).ask(request, answer));
    Thread.ofVirtual().start(asking);
    try {
      return asking.get(ANSWER_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException e) {
      asking.cancel(true);
      throw new IOException("%s does not answer: %s".formatted(name(node), e), e);
    }
  }

  /** Has a node change the array; takes as long as it takes. */
  void change(int node, NodeRequest request) throws IOException, InterruptedException {
    new NodeClient(control(node)).ask(request, ArrayDetail.class);
  }

  ArrayDetail detail(int node) throws IOException, InterruptedException {
    return ask(node, new NodeRequest.Detail(ARRAY), ArrayDetail.class);
  }

  /** As which incarnation a node is in the cluster, by its own words; empty if it is in none. */
  Optional<Incarnation> incarnation(int node) throws InterruptedException {
    try {
      ClusterMembers members = ask(node, new NodeRequest.Members(), ClusterMembers.class);
      return members.nodes().stream()
          .filter(member -> member.name().equals(name(node)) && member.state().equals("up"))
          .map(member -> new Incarnation(node, member.incarnation()))
          .findFirst();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** Whether another node says that this incarnation is no member any more. */
  boolean isOut(Incarnation incarnation) throws InterruptedException {
    for (int other = 0; other < nodes.size(); other++) {
      if (other != incarnation.node && !knows(other, incarnation).orElse(true)) {
        return true;
      }
    }
    return false;
  }

  private Optional<Boolean> knows(int other, Incarnation incarnation) throws InterruptedException {
    try {
      ClusterMembers members = ask(other, new NodeRequest.Members(), ClusterMembers.class);
      if (members.epoch() == 0) {
        return Optional.empty();
      }
      return Optional.of(
          members.nodes().stream()
              .anyMatch(member ->
                  member.name().equals(name(incarnation.node))
                      && member.incarnation() == incarnation.number));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /**
   * Whether a node has the array in use with this many, itself among them, and nobody's bits wait.
   */
  boolean sharesWith(int node, int count) throws InterruptedException {
    try {
      List<ArrayDetail.Slot> slots = detail(node).slots();
      return slots.size() == count
          && slots.stream().allMatch(slot -> slot.state().equals("active"));
    } catch (IOException e) {
      return false;
    }
  }

  /** Returns when all nodes have the array in use and no dead node's bits wait. */
  void awaitAll() {
    for (int node = 0; node < nodes.size(); node++) {
      int asked = node;
      Awaitility.await("all nodes share the array, says " + name(node))
          .atMost(PATIENCE)
          .until(() -> sharesWith(asked, nodes.size()));
    }
  }

  /** Returns when nothing is left to copy, as this node sees it. */
  void awaitInSync(int node) throws IOException, InterruptedException {
    change(
        node,
        new NodeRequest.Wait(
            ARRAY, NodeRequest.Wait.Until.IN_SYNC, OptionalLong.of(PATIENCE.toMillis())));
  }

  /** What all nodes have said, and where their threads are, for a failure. */
  String logs() {
    var text = new StringBuilder();
    for (int node = 0; node < nodes.size(); node++) {
      nodes.get(node).dumpThreads();
      text.append("--- ").append(name(node)).append('\n').append(nodes.get(node).log());
    }
    return text.toString();
  }

  /** Ends all that still run. */
  @Override
  public void close() {
    try {
      nodes.reversed().forEach(NodeProcess::close);
    } finally {
      zookeeper.close();
    }
  }
}
