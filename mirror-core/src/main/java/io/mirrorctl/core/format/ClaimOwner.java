package io.mirrorctl.core.format;

import java.util.UUID;

/**
 * In whose name an array is in use.
 *
 * @param ensemble what all nodes have in common that may use the array together: a random number
 *     that a cluster keeps in its ZooKeeper; of a node that has the array for itself one that only
 *     this use of it has
 * @param cluster name of the cluster, for people; empty for a node that has the array for itself
 * @param node name of the node, for people
 * @param incarnation of the node in its cluster, else 0
 */
public record ClaimOwner(UUID ensemble, String cluster, String node, long incarnation) {

  /** A node that uses the array together with others of its cluster. */
  public static ClaimOwner ofCluster(UUID ensemble, String cluster, String node, long incarnation) {
    return new ClaimOwner(ensemble, cluster, node, incarnation);
  }

  /** A node that has the array for itself. */
  public static ClaimOwner alone(UUID use, String node) {
    return new ClaimOwner(use, "", node, 0);
  }

  @Override
  public String toString() {
    return cluster.isEmpty()
        ? "node %s, which has it for itself".formatted(node)
        : "node %s of cluster %s".formatted(node, cluster);
  }
}
