package io.mirrorctl.dlm.message;

import java.util.concurrent.CompletableFuture;

/** A node's use of the token, from the wish for it until it is let go. */
sealed interface Turn permits Turn.Single, Turn.Inspection, OpenTransaction {

  /** It will not be. */
  void notBegun(String reason);

  /** The channel ended. */
  void lost(String reason);

  /** One message. */
  record Single(ClusterMessage message, CompletableFuture<Delivery> delivery) implements Turn {
    @Override
    public void notBegun(String reason) {
      delivery.complete(new Delivery.NotSent(reason));
    }

    @Override
    public void lost(String reason) {
      delivery.complete(new Delivery.Lost(reason));
    }
  }

  /** None: a look whether a sender that died has left a message half-way. */
  record Inspection() implements Turn {
    @Override
    public void notBegun(String reason) {}

    @Override
    public void lost(String reason) {}
  }
}
