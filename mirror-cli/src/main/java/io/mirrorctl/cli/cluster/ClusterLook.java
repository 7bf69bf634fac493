package io.mirrorctl.cli.cluster;

import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;

import io.mirrorctl.dlm.member.Diagnostics;
import io.mirrorctl.dlm.member.HoldCause;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.IntFunction;

/**
 * What a node's place in its cluster keeps waiting at one moment. Times are milliseconds.
 *
 * @param zookeeper where the servers are
 * @param out why the node is not in the cluster, if it is not
 * @param hold why its I/O is held, if it is
 * @param lease while it is in the cluster
 * @param peers the other nodes in the view
 * @param view while it is in the cluster
 */
public record ClusterLook(
    String cluster,
    String zookeeper,
    Optional<Out> out,
    Optional<Hold> hold,
    Optional<LeaseLook> lease,
    List<Peer> peers,
    Optional<View> view) {

  /**
   * The view of the cluster.
   *
   * @param nodes how many are in it, by state
   * @param zookeeper what this node has asked of it
   */
  public record View(long epoch, Map<String, Long> nodes, ClusterMembers.ZooKeeperUse zookeeper) {}

  /**
   * Not in the cluster.
   *
   * @param millis for so long
   * @param returns whether it tries to come back
   */
  public record Out(String reason, long millis, boolean returns) {}

  /** All I/O of shared arrays waits. */
  public record Hold(HoldCause cause, long millis) {}

  /**
   * The permission to do I/O.
   *
   * @param leftMillis 0 if it is over
   * @param sinceRenewalMillis since the last answered renewal was sent; if the lease is over, at
   *     least so long
   * @param zookeeperSilent the servers do not answer
   */
  public record LeaseLook(long leftMillis, long sinceRenewalMillis, boolean zookeeperSilent) {}

  /**
   * Another node.
   *
   * @param silentMillis since its last sign of life was seen, or could have been missed
   * @param isSilent whether that is longer than it should be
   * @param waiting what is waited for before it leaves the view
   */
  public record Peer(
      String name,
      int number,
      long incarnation,
      long silentMillis,
      boolean isSilent,
      Optional<String> waiting) {}

  static ClusterLook out(String cluster, String zookeeper, Out out) {
    return new ClusterLook(
        cluster,
        zookeeper,
        Optional.of(out),
        Optional.empty(),
        Optional.empty(),
        List.of(),
        Optional.empty());
  }

  static ClusterLook in(
      String cluster,
      String zookeeper,
      Optional<Hold> hold,
      Diagnostics diagnostics,
      IntFunction<String> names) {
    long length = diagnostics.leaseLength().toMillis();
    long left = diagnostics.leaseLeft().toMillis();
    return new ClusterLook(
        cluster,
        zookeeper,
        Optional.empty(),
        hold,
        Optional.of(new LeaseLook(left, length - left, diagnostics.suspended())),
        diagnostics.peers().stream()
            .filter(peer -> !diagnostics.self().equals(Optional.of(peer.node())))
            .map(peer -> peer(peer, length, names))
            .toList(),
        Optional.of(
            new View(
                diagnostics.cluster().epoch(),
                diagnostics.peers().stream()
                    .collect(groupingBy(Diagnostics.Peer::state, TreeMap::new, counting())),
                Roster.use(diagnostics))));
  }

  /** A lease is renewed four times in its length; who has missed two renewals is silent. */
  private static Peer peer(Diagnostics.Peer peer, long leaseMillis, IntFunction<String> names) {
    long silent = peer.sinceRenewal().toMillis();
    return new Peer(
        names.apply(peer.node().node()),
        peer.node().node(),
        peer.node().number(),
        silent,
        2 * silent > leaseMillis,
        peer.waiting());
  }
}
