package io.mirrorctl.cli.demo;

import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The nodes and the ZooKeeper in which they meet; it runs in this process, so that none of the
 * nodes takes it along when it dies.
 *
 * <p>Threading: safe from any thread; once closed, nothing starts any more.
 */
final class DemoCluster implements AutoCloseable {
  static final Duration SESSION = Duration.ofSeconds(5);
  private static final Duration TICK = Duration.ofSeconds(1);
  static final String NAME = "demo";

  private final Path scratch;
  private final Path logs;
  private final List<DemoNode> nodes = new ArrayList<>();
  private EmbeddedZooKeeper zookeeper;
  private boolean closed;

  /**
   * @param scratch directory for sockets and the data of ZooKeeper
   * @param logs directory for what the nodes say
   */
  DemoCluster(Path scratch, Path logs) {
    this.scratch = scratch;
    this.logs = logs;
  }

  /** Starts ZooKeeper; returns where it listens. */
  synchronized String startZooKeeper() throws IOException {
    checkOpen();
    try {
      zookeeper =
          EmbeddedZooKeeper.start(
              EmbeddedZooKeeper.Options.in(scratch.resolve("zookeeper")).withTick(TICK));
    } catch (StoreException e) {
      throw new IOException(e.getMessage(), e);
    }
    return zookeeper.connectString();
  }

  /** Where a node of this name leaves what it says. */
  Path log(String node) {
    return logs.resolve(node + ".log");
  }

  /** Starts a node, which may not be ready yet when this returns. */
  synchronized DemoNode spawn(String name) throws IOException {
    checkOpen();
    DemoNode node =
        DemoNode.spawn(
            name,
            scratch,
            log(name),
            List.of(
                "--cluster",
                NAME,
                "--zookeeper",
                zookeeper.connectString(),
                "--session-timeout",
                SESSION.toSeconds() + "s"));
    nodes.add(node);
    return node;
  }

  synchronized boolean isClosed() {
    return closed;
  }

  private void checkOpen() throws IOException {
    if (closed) {
      throw new IOException("the demo is being ended");
    }
  }

  /** Kills what runs. */
  @Override
  public synchronized void close() {
    closed = true;
    nodes.forEach(DemoNode::kill);
    if (zookeeper != null) {
      zookeeper.close();
      zookeeper = null;
    }
  }
}
