package io.mirrorctl.cli.cluster;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.dlm.cluster.PathPolicy;
import io.mirrorctl.dlm.member.Heartbeat;
import io.mirrorctl.dlm.member.MemberSettings;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/**
 * Which cluster a node belongs to, and how it gets there.
 *
 * @param cluster its name
 * @param node the node's name
 * @param number the node's number, if it is to have this one
 * @param servers how to reach ZooKeeper, with {@link #root} as its root; or else
 * @param embedded the ZooKeeper that is to run in this process
 * @param sessionTimeout after which a silent node counts as dead, if this node begins the cluster
 * @param fence shell command that makes sure that a dead node can write no more
 * @param paths what the node does about members that it alone does not reach
 */
public record ClusterConfig(
    String cluster,
    String node,
    OptionalInt number,
    Optional<ZooKeeperOptions> servers,
    Optional<EmbeddedZooKeeper.Options> embedded,
    Optional<Duration> sessionTimeout,
    Optional<String> fence,
    PathPolicy paths) {
  private static final Pattern CLUSTER = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

  /** Renewals of the lease in a session. */
  private static final int RENEWALS = 6;

  private static final int LONGEST_TICK_MILLIS = 10_000;

  /** A session that is not asked for otherwise. */
  public static final Duration DEFAULT_SESSION = Duration.ofSeconds(10);

  /** Refuses what cannot be meant, with {@link IllegalArgumentException}. */
  public ClusterConfig {
    root(cluster);
    NodeNumbers.checkName(node);
    checkArgument(
        servers.isPresent() != embedded.isPresent(),
        "either servers or an embedded one are needed");
    var _ = heartbeat(sessionTimeout);
  }

  MemberSettings settings(int claimed) {
    return MemberSettings.of(claimed).with(heartbeat());
  }

  /**
   * Where in ZooKeeper the cluster is kept.
   *
   * @throws IllegalArgumentException if the cluster cannot have this name
   */
  public static String root(String cluster) {
    checkArgument(
        CLUSTER.matcher(cluster).matches(),
        "\"%s\" cannot be a cluster's name: 1 to 64 letters, digits and . _ -, a letter or digit first",
        cluster);
    return "/mirrorctl/" + cluster;
  }

  /** The heartbeat with about this session timeout. */
  Heartbeat heartbeat() {
    return heartbeat(sessionTimeout);
  }

  private static Heartbeat heartbeat(Optional<Duration> session) {
    long millis = session.orElse(DEFAULT_SESSION).toMillis();
    checkArgument(
        millis >= 1_000 && millis <= 600_000,
        "a session timeout of %s ms: it must be 1 s to 10 min",
        millis);
    int send = (int) Math.ceilDiv(millis, (long) RENEWALS * LONGEST_TICK_MILLIS);
    return new Heartbeat((int) Math.ceilDiv(millis, (long) send * RENEWALS), send, RENEWALS);
  }
}
