package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.Op;
import java.util.Optional;
import java.util.Set;

/**
 * This node's place in the cluster, as far as its locks depend on it: what membership gives to the
 * lockspaces of its node. One instance is one incarnation.
 */
public interface Standing {
  /** The node's configured, permanent number. */
  int node();

  /** Rises with every join of any node of the cluster; never used twice. */
  long incarnation();

  /**
   * Part of every commit that changes a lock record: stands only while this incarnation has been
   * neither ejected nor given up (decision D2).
   */
  Op.Check check();

  /**
   * The incarnations in the cluster's view as this node knows it. One that is missing can do no
   * harm any more: it has left, or its lease is surely over (invariant I4).
   */
  Set<Long> view();

  /**
   * The lowest incarnation not yet given out in the cluster's view that {@link #view} is of. What
   * is at or above it is of a node that joined since, not of one that is gone.
   */
  long nextIncarnation();

  /** Whether that incarnation was a member once and can do no harm any more. Never unsaid. */
  default boolean isGone(long incarnation) {
    return incarnation < nextIncarnation() && !view().contains(incarnation);
  }

  /** Why this incarnation is over, if it is: from then on {@link #check} may not stand. */
  default Optional<String> end() {
    return Optional.empty();
  }

  /**
   * To be called when {@link #check} did not stand: this incarnation is over, the node halts.
   *
   * @param found what showed it, for the message
   */
  void overturned(String found);
}
