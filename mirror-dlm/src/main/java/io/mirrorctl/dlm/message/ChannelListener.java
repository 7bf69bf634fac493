package io.mirrorctl.dlm.message;

import java.util.concurrent.CompletableFuture;

/** What a node does with what the channel brings; called on the loop. */
public interface ChannelListener {
  /**
   * Applies a message of another node, or refuses a proposal. The sender goes on when the future is
   * complete everywhere; one that stays open gets this node ejected. A fact that is refused, or
   * whose future fails, halts this node; a proposal whose future fails is refused.
   *
   * <p>Each message comes once, in the same order on all nodes, never while another is being
   * applied, and never in a transaction of this node.
   */
  CompletableFuture<Answer> receive(Envelope envelope);

  /**
   * A member does not answer, or cannot follow a fact, and has to be ejected; told again while it
   * lasts. The sender waits until the member is out of the lockspace.
   */
  void eject(int slot, String reason);

  /**
   * This node cannot follow the others: it has to stop its I/O and leave as one that died. The last
   * call.
   */
  void halt(String reason);
}
