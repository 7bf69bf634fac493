package io.mirrorctl.cli.nbd;

import static com.google.common.base.Preconditions.checkArgument;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * Who an NBD client is that belongs to a cluster: one life of a node.
 *
 * @param cluster the id of its cluster, which no other cluster has
 * @param node its number, 1 to 1024
 * @param incarnation which life of it; rises with every join of any node of the cluster
 */
public record NodeIdentity(UUID cluster, int node, long incarnation) {
  /** cluster 16, node 4, incarnation 8. */
  static final int BYTES = 28;

  private static final int HIGHEST_NODE = 1024;

  public NodeIdentity {
    checkArgument(node >= 1 && node <= HIGHEST_NODE, "node %s is not in 1..1024", node);
    checkArgument(incarnation >= 0, "incarnation %s is negative", incarnation);
  }

  void put(ByteBuffer out) {
    out.putLong(cluster.getMostSignificantBits()).putLong(cluster.getLeastSignificantBits());
    out.putInt(node).putLong(incarnation);
  }

  /** Another node of the same cluster. */
  NodeIdentity peer(int otherNode, long otherIncarnation) {
    return new NodeIdentity(cluster, otherNode, otherIncarnation);
  }

  /** Other nodes of the same cluster, by number with an incarnation each. */
  List<NodeIdentity> peers(Map<Integer, Long> others) {
    return others.entrySet().stream().map(e -> peer(e.getKey(), e.getValue())).toList();
  }

  @Override
  public String toString() {
    return "node %d (incarnation %d) of cluster %s".formatted(node, incarnation, cluster);
  }
}
