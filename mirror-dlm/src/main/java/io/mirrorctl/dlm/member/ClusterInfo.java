package io.mirrorctl.dlm.member;

import java.util.List;
import java.util.Optional;

/**
 * The cluster as this node knows it.
 *
 * @param epoch of the regroup under way, or of the last one
 * @param stage of the regroup under way, else {@link Stage#STABLE}
 * @param active members by node number, joining ones included
 * @param winner of the last regroup's arbitration; empty while one has not chosen yet
 */
public record ClusterInfo(
    long epoch,
    Stage stage,
    List<Incarnation> active,
    Heartbeat heartbeat,
    Optional<Incarnation> winner,
    Optional<Incarnation> quorumOwner) {

  public ClusterInfo {
    active = List.copyOf(active);
  }
}
