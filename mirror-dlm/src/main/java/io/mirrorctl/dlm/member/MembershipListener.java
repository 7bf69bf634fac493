package io.mirrorctl.dlm.member;

import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * What the node above hears from its membership. A listener is called on the membership's loop and
 * must not block; what takes time it does elsewhere, and completes the stage it returned, on any
 * thread. Every member of the cluster hears the same in the same order; the next stage of a regroup
 * is not entered anywhere before all have completed the one before.
 *
 * <p>What a listener throws, or completes a stage with exceptionally, halts the node with {@link
 * HaltCode#CALLBACK_FAILED}, but for a stage that has been begun anew since ({@link
 * #regroupRestarted}). A stage not completed in time makes it an ejected one.
 */
public interface MembershipListener {

  /** A node is up. */
  default void nodeUp(Incarnation node, long epoch) {}

  /**
   * A node is down.
   *
   * @param clean it left, else it died or was ejected
   */
  default void nodeDown(Incarnation node, boolean clean, long epoch) {}

  /** These nodes are down, by one regroup; after {@link #nodeDown} for each of them. */
  default void nodesDown(Set<Incarnation> nodes, long epoch) {}

  /**
   * Holds all I/O: none is submitted from now on.
   *
   * @return complete when what was submitted has returned
   */
  default CompletionStage<Void> holdIo(HoldCause cause) {
    return CompletableFuture.completedFuture(null);
  }

  /** I/O may run again: nothing holds it any more. */
  default CompletionStage<Void> resumeIo() {
    return CompletableFuture.completedFuture(null);
  }

  /**
   * First phase for messages: nothing more that comes from the dead is taken.
   *
   * @param dead that went without leaving; may be empty
   */
  default CompletionStage<Void> cleanUpFirst(Set<Incarnation> dead, long epoch) {
    return CompletableFuture.completedFuture(null);
  }

  /** Second phase: every member has done the first; what waits for the dead is ended. */
  default CompletionStage<Void> cleanUpSecond(Set<Incarnation> dead, long epoch) {
    return CompletableFuture.completedFuture(null);
  }

  /** The members agree on what the dead left open (decision D6); I/O is still held. */
  default CompletionStage<Void> settle(ClusterInfo cluster) {
    return CompletableFuture.completedFuture(null);
  }

  /**
   * The regroup has begun again, with this epoch, while a callback of its stages ({@link #holdIo},
   * {@link #cleanUpFirst}, {@link #cleanUpSecond}, {@link #settle}, {@link #resumeIo}) is running
   * here, or has just ended. Somebody came or went: what waits for another member may wait for a
   * dead one. Such a callback has to complete at once, in whatever way, as the next stage begins
   * only then; that it failed does not count any more. All stages are done anew.
   */
  default void regroupRestarted(long epoch) {}

  /**
   * This incarnation is over: locks are gone, nothing more may be written. The last call.
   *
   * @return complete when all I/O has returned: then, if the session lives, the node leaves at
   *     once, and the others need not wait for its lease
   */
  default CompletionStage<Void> halted(HaltCode code, String text) {
    return CompletableFuture.completedFuture(null);
  }

  /** The join did not succeed. The last call. */
  default void joinFailed(JoinResult result) {}
}
