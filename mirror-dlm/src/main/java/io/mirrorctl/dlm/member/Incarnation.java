package io.mirrorctl.dlm.member;

/**
 * One life of a node in the cluster, from a join to a leave or a death.
 *
 * @param node the configured, permanent number
 * @param number rises with every join of any node; never used twice
 */
public record Incarnation(int node, long number) implements Comparable<Incarnation> {

  /** By node, then by number. */
  @Override
  public int compareTo(Incarnation other) {
    int byNode = Integer.compare(node, other.node);
    return byNode == 0 ? Long.compare(number, other.number) : byNode;
  }

  @Override
  public String toString() {
    return "node %d (incarnation %d)".formatted(node, number);
  }
}
