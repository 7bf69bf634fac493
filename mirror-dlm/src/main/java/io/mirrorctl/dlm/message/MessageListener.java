package io.mirrorctl.dlm.message;

import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** Applies the messages of other nodes; called on the loop. */
@FunctionalInterface
public interface MessageListener {
  /**
   * Applies a message of another node, or refuses a proposal. The sender goes on when the future is
   * complete everywhere; one that stays open gets this node ejected. A fact that is refused, or
   * whose future fails, halts this node; a proposal whose future fails is refused.
   *
   * <p>Each message comes once, in the same order on all nodes, never while another is being
   * applied, and never in a transaction of this node.
   */
  CompletableFuture<Answer> receive(Envelope envelope);

  /** For messages that are applied at once, without waiting for anything; none is refused. */
  static MessageListener applying(Consumer<Envelope> action) {
    return envelope -> {
      action.accept(envelope);
      return CompletableFuture.completedFuture(new Answer.Accepted());
    };
  }
}
