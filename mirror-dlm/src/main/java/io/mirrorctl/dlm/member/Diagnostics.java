package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.store.StoreCounts;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What a membership is doing and waiting for.
 *
 * @param state of this node: new, joining, up, stopping, left, halted, with its reason
 * @param cause of the regroup under way, or of the last one
 * @param suspended the servers do not answer at the moment
 * @param leaseLeft until I/O is held
 * @param store what this session has cost
 * @param renewals of the lease, among its commits
 */
public record Diagnostics(
    Optional<Incarnation> self,
    String state,
    ClusterInfo cluster,
    String cause,
    boolean suspended,
    Duration leaseLeft,
    Duration leaseLength,
    Duration sessionTimeout,
    StoreCounts store,
    long renewals,
    List<Peer> peers) {

  public Diagnostics {
    peers = List.copyOf(peers);
  }

  /**
   * A member.
   *
   * @param reached the last stage of the regroup it has passed; empty if none
   * @param sinceRenewal since a renewal of its lease was last seen, or could have been missed
   * @param waiting what is waited for before it leaves the view; empty while it lives
   */
  public record Peer(
      Incarnation node,
      String state,
      Optional<Stage> reached,
      Duration sinceRenewal,
      Optional<String> waiting) {}

  /** Several lines for people. */
  public String text() {
    var text = new StringBuilder();
    text.append(
        "%s: %s%s%n"
            .formatted(
                self.map(Incarnation::toString).orElse("this node"),
                state,
                suspended ? ", the servers do not answer" : ""));
    text.append("epoch %d, %s, by: %s%n".formatted(cluster.epoch(), cluster.stage(), cause));
    text.append(
        "heartbeat %s; session %d ms, lease %d ms, %d ms left%n"
            .formatted(
                cluster.heartbeat(),
                sessionTimeout.toMillis(),
                leaseLength.toMillis(),
                leaseLeft.toMillis()));
    text.append(
        "arbitration winner %s, quorum owner %s%n"
            .formatted(named(cluster.winner()), named(cluster.quorumOwner())));
    for (Peer peer : peers) {
      text.append(
          "  %s: %s, %s, renewed %d ms ago%s%n"
              .formatted(
                  peer.node(),
                  peer.state(),
                  peer.reached().map(stage -> "passed " + stage).orElse("no stage passed"),
                  peer.sinceRenewal().toMillis(),
                  peer.waiting().map(what -> "; waiting: " + what).orElse("")));
    }
    return text.toString();
  }

  private static String named(Optional<Incarnation> node) {
    return node.map(Incarnation::toString).orElse("none");
  }
}
