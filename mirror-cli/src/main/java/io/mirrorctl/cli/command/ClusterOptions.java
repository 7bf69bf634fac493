package io.mirrorctl.cli.command;

import com.google.common.net.HostAndPort;
import io.mirrorctl.cli.cluster.ClusterConfig;
import io.mirrorctl.dlm.cluster.PathPolicy;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** The options of a node that belongs to a cluster. */
final class ClusterOptions {
  private static final String LEAVE = "leave";
  private static final String FENCE_BY_COMMAND = "exec:";

  /** ZooKeeper allows sessions of 2 to 20 ticks. */
  private static final int TICKS_IN_A_SESSION = 5;

  private static final Duration LONGEST_TICK = Duration.ofSeconds(2);

  @Option(
      names = "--cluster",
      paramLabel = "NAME",
      description =
          "Share arrays with the other nodes of this cluster; needs --zookeeper or"
              + " --embedded-zookeeper. Without it the node has its arrays for itself.")
  private Optional<String> cluster;

  @Option(
      names = "--zookeeper",
      paramLabel = "HOST:PORT,...",
      description = "The ZooKeeper servers of the cluster.")
  private Optional<String> zookeeper;

  @Option(
      names = "--embedded-zookeeper",
      paramLabel = "DIR",
      arity = "0..1",
      fallbackValue = "",
      description =
          "Run a ZooKeeper in this process, with its data in DIR, for trials on one host: when this"
              + " node ends, the others lose it. DIR is ~/.local/state/mirrorctl/NAME if left out"
              + " (/var/lib/mirrorctl/NAME for root).")
  private Optional<String> embedded;

  @Option(
      names = "--zookeeper-listen",
      paramLabel = "HOST:PORT",
      description = "Where the embedded ZooKeeper listens; 127.0.0.1 and a free port if left out.")
  private Optional<String> listen;

  @Option(
      names = "--zookeeper-user",
      paramLabel = "FILE",
      description =
          "File with one line, name:password: the ZooKeeper user who is to own the cluster's entries.")
  private Optional<Path> user;

  @Option(
      names = "--zookeeper-tls-ca",
      paramLabel = "FILE",
      description =
          "Talk TLS to ZooKeeper; the authorities that are believed: .pem, .p12 or .jks file.")
  private Optional<Path> trustStore;

  @Option(
      names = "--zookeeper-tls-ca-password",
      paramLabel = "FILE",
      description = "File with the password of that file.")
  private Optional<Path> trustStorePassword;

  @Option(
      names = "--zookeeper-tls-key",
      paramLabel = "FILE",
      description = "This node's key and certificate in one .pem, .p12 or .jks file.")
  private Optional<Path> keyStore;

  @Option(
      names = "--zookeeper-tls-key-password",
      paramLabel = "FILE",
      description = "File with the password of that file.")
  private Optional<Path> keyStorePassword;

  @Option(
      names = "--node-number",
      paramLabel = "K",
      description =
          "The node's number in the cluster, 1 to 64. If left out it has the one that it had the last"
              + " time, or a free one; it stays the name's for ever.")
  private Optional<Integer> number;

  @Option(
      names = "--session-timeout",
      paramLabel = "TIME",
      description =
          "A node that is silent for so long counts as dead; 10s if left out. That of the first node"
              + " counts for all.")
  private Optional<String> sessionTimeout;

  @Option(
      names = "--fence",
      paramLabel = "exec:CMD",
      description =
          "Shell command that makes sure that a dead node writes no more, before its work is taken"
              + " over. It finds MIRRORCTL_NODE, MIRRORCTL_NODE_NUMBER and MIRRORCTL_INCARNATION in its"
              + " environment and says yes by status 0; else it is run again.")
  private Optional<String> fence;

  @Option(
      names = "--on-path-loss",
      paramLabel = "leave|fail",
      description =
          "When this node cannot use a disk of a shared array that another node reaches: leave, which"
              + " is the default, gives the array up on this node until its disks answer again; fail"
              + " fails the disk on all nodes, as md does.")
  private Optional<String> onPathLoss;

  /**
   * What the options say.
   *
   * @param node the node's name
   * @throws IllegalArgumentException if they cannot be meant
   */
  Optional<ClusterConfig> config(String node) {
    if (cluster.isEmpty()) {
      if (Stream.of(
              zookeeper,
              embedded,
              listen,
              user,
              trustStore,
              keyStore,
              number,
              sessionTimeout,
              fence,
              onPathLoss)
          .anyMatch(Optional::isPresent)) {
        throw new IllegalArgumentException(
            "options of a cluster without --cluster NAME; leave them out for a local node");
      }
      return Optional.empty();
    }
    if (zookeeper.isPresent() == embedded.isPresent()) {
      throw new IllegalArgumentException(
          "--cluster needs one of --zookeeper HOST:PORT,... and --embedded-zookeeper [DIR]");
    }
    return Optional.of(
        new ClusterConfig(
            cluster.get(),
            node,
            number.map(OptionalInt::of).orElseGet(OptionalInt::empty),
            zookeeper.map(this::servers),
            embedded.map(this::own),
            session(),
            fence.map(ClusterOptions::command),
            paths()));
  }

  private Optional<Duration> session() {
    return sessionTimeout.map(text -> TimeOption.parse("--session-timeout", text));
  }

  private PathPolicy paths() {
    return switch (onPathLoss.orElse(LEAVE)) {
      case LEAVE -> PathPolicy.LEAVE;
      case "fail" -> PathPolicy.FAIL;
      default ->
          throw new IllegalArgumentException(
              "--on-path-loss takes leave or fail, not " + onPathLoss.orElseThrow());
    };
  }

  private static String command(String text) {
    String command =
        text.startsWith(FENCE_BY_COMMAND) ? text.substring(FENCE_BY_COMMAND.length()) : "";
    if (command.isBlank()) {
      throw new IllegalArgumentException("--fence takes exec:CMD, not %s".formatted(text));
    }
    return command;
  }

  private ZooKeeperOptions servers(String connect) {
    if (listen.isPresent()) {
      throw new IllegalArgumentException("--zookeeper-listen is for --embedded-zookeeper only");
    }
    var options = ZooKeeperOptions.of(connect, ClusterConfig.root(cluster.orElseThrow()));
    if (user.isPresent()) {
      options = options.withUser(user.get());
    }
    if (trustStore.isEmpty()
        && (trustStorePassword.isPresent()
            || keyStore.isPresent()
            || keyStorePassword.isPresent())) {
      throw new IllegalArgumentException("the other --zookeeper-tls-* need --zookeeper-tls-ca");
    }
    return trustStore.isEmpty()
        ? options
        : options.withTls(
            new ZooKeeperOptions.Tls(
                trustStore.get(), trustStorePassword, keyStore, keyStorePassword));
  }

  private EmbeddedZooKeeper.Options own(String directory) {
    if (user.isPresent() || trustStore.isPresent() || keyStore.isPresent()) {
      throw new IllegalArgumentException(
          "the embedded ZooKeeper has neither users nor TLS; run one of its own for that");
    }
    Duration tick = session().orElse(ClusterConfig.DEFAULT_SESSION).dividedBy(TICKS_IN_A_SESSION);
    Path data = directory.isEmpty() ? defaultDirectory() : Path.of(directory).toAbsolutePath();
    EmbeddedZooKeeper.Options options =
        EmbeddedZooKeeper.Options.in(data)
            .withTick(tick.compareTo(LONGEST_TICK) < 0 ? tick : LONGEST_TICK);
    if (listen.isEmpty()) {
      return options;
    }
    HostAndPort address = HostAndPort.fromString(listen.get());
    if (!address.hasPort() || address.getHost().isEmpty()) {
      throw new IllegalArgumentException(
          "--zookeeper-listen takes HOST:PORT, not %s".formatted(listen.get()));
    }
    return options.withHost(address.getHost()).withPort(address.getPort());
  }

  private Path defaultDirectory() {
    ClusterConfig.root(cluster.orElseThrow()); // a name that is no directory is refused
    return StateDirectory.ours().resolve(cluster.get());
  }
}
