package io.mirrorctl.it;

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

/**
 * Nodes as processes on this host that share the array {@code m}, each with its own way to the
 * disks; the first one brings ZooKeeper along.
 */
final class ClusterNodes implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(150);

  private final Path directory;
  private final Duration session;
  private final List<NodeProcess> nodes = new ArrayList<>();

  /**
   * @param directory for sockets, logs and ZooKeeper's data
   */
  ClusterNodes(Path directory, Duration session) {
    this.directory = directory;
    this.session = session;
  }

  /**
   * Starts a node.
   *
   * @param more what its command has beside its name, its cluster and where it is reached
   */
  NodeProcess start(String name, Object... more) {
    List<Object> arguments = new ArrayList<>(List.of("--cluster", "c", "--name", name));
    if (nodes.isEmpty()) {
      arguments.addAll(List.of("--embedded-zookeeper", directory.resolve("zk")));
      arguments.addAll(List.of("--session-timeout", session.toSeconds() + "s"));
    } else {
      arguments.addAll(List.of("--zookeeper", nodes.getFirst().ready().fields().get("zookeeper")));
    }
    arguments.addAll(List.of("--socket", directory.resolve(name + ".sock")));
    arguments.addAll(List.of("--nbd", "unix:" + directory.resolve(name + ".nbd")));
    arguments.addAll(List.of(more));
    NodeProcess node = NodeProcess.start(directory.resolve(name + ".log"), arguments.toArray());
    nodes.add(node);
    return node;
  }

  /** SIGKILL, for good. */
  void kill(NodeProcess node) {
    node.kill();
    nodes.remove(node);
  }

  /** A client of the array; it waits longer for an answer than a node waits for a disk. */
  static NbdDevice connect(NodeProcess node) throws IOException {
    return NbdDevice.connect(
        NbdUri.parse(node.ready().uri("m")),
        NbdClientConfig.DEFAULT
            .withRetryLimit(Duration.ZERO)
            .withTimeouts(Duration.ofSeconds(10), PATIENCE),
        Env.system());
  }

  private static <T> T ask(NodeProcess node, NodeRequest request, Class<T> answer)
      throws IOException, InterruptedException {
    return new NodeClient(node.ready().socket()).ask(request, answer);
  }

  static ArrayDetail detail(NodeProcess node) throws IOException, InterruptedException {
    return ask(node, new NodeRequest.Detail("m"), ArrayDetail.class);
  }

  /** Who has the array in use: {@code n1 active}. */
  static List<String> slots(NodeProcess node) throws IOException, InterruptedException {
    return detail(node).slots().stream().map(slot -> slot.node() + " " + slot.state()).toList();
  }

  /** What the members of the array are to it. */
  static List<String> states(NodeProcess node) throws IOException, InterruptedException {
    return detail(node).members().stream().map(ArrayDetail.Member::state).toList();
  }

  /** Who is in the cluster, as this node sees it. */
  static List<ClusterMembers.Member> members(NodeProcess node)
      throws IOException, InterruptedException {
    return ask(node, new NodeRequest.Members(), ClusterMembers.class).nodes();
  }

  static void soon(String what, Callable<Boolean> condition) {
    Awaitility.await(what).ignoreExceptions().atMost(PATIENCE).until(condition);
  }

  static void awaitInSync(NodeProcess node) throws IOException, InterruptedException {
    ask(
        node,
        new NodeRequest.Wait("m", NodeRequest.Wait.Until.IN_SYNC, OptionalLong.of(60_000)),
        ArrayDetail.class);
  }

  /** Ends all that were not killed, the one with ZooKeeper last; none has anything to complain. */
  void endCleanly() {
    for (NodeProcess node : nodes.reversed()) {
      assertThat(node.terminate()).as(node.log()).isZero();
    }
  }

  @Override
  public void close() {
    nodes.reversed().forEach(NodeProcess::close);
  }
}
