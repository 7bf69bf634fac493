package io.mirrorctl.dlm.cluster;

/** Who orders requests of different nodes for the same block. All nodes have to agree. */
public enum Coherence {
  /**
   * The clients, as on any disk that several hosts have: if two nodes write a block at the same
   * time the members may differ there, until one of them writes it again.
   */
  CLIENTS,
  /**
   * Locks on ranges of the array: requests of all nodes take effect one after the other, each
   * between its begin and its answer. Costs a commit or two whenever another node than the last one
   * writes in a range, or reads where another one has written.
   */
  RANGE_LOCKS
}
