package io.mirrorctl.core.array;

import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.util.List;

/**
 * What an array asks of the cluster it belongs to. An array that one node has for itself uses
 * {@link #singleNode} and knows no difference.
 */
public interface ClusterPort {

  /** The number of this node's own bitmap slot. */
  int slot();

  /**
   * Makes a change of the set of members on every node (decision D6): all nodes stop starting
   * member I/O and drain what is in flight, {@link SetChange#commit} runs here, all nodes read what
   * it wrote, and I/O runs again.
   */
  void transact(SetChange change) throws IOException;

  /** Waits until this node is the only one that copies data; released by closing. */
  Permit beginResync() throws IOException, InterruptedException;

  /** This node's part of a change. */
  interface SetChange {
    /** Stops this node's member I/O; returns when none is in flight. */
    void hold();

    /** Makes the change durable on the members and takes it into use on this node. */
    void commit() throws IOException;

    /** Lets this node's I/O run again; called also after a failed commit. */
    void resume();
  }

  /** The right to copy data between members. */
  interface Permit extends AutoCloseable {
    /**
     * Tells all nodes which ranges are being copied; returns when no other node writes there. The
     * list replaces the earlier one.
     */
    void announce(List<SectorRange> windows) throws IOException;

    @Override
    void close();
  }

  /** The port of a node that shares its array with nobody. */
  static ClusterPort singleNode() {
    return new SingleNode();
  }
}
