package io.mirrorctl.dlm.message;

import java.util.concurrent.CompletableFuture;

/**
 * Several messages of one node with no other node's between them: the node holds the token. One
 * message at a time: another one, or one after the end, fails with {@link IllegalStateException}.
 * Callable from any thread; futures complete on the loop.
 */
public interface Transaction {
  /**
   * Whether a node died in its transaction and nobody has called {@link #settled} since: what it
   * did may be half done.
   */
  boolean interrupted();

  /** What an earlier transaction left half done has been put right. */
  void settled();

  /** Broadcasts; complete when everybody has applied it or a refusal is undone. */
  CompletableFuture<Delivery> send(ClusterMessage message);

  /** The same as the last message, and {@link #end}: one commit less. */
  CompletableFuture<Delivery> finish(ClusterMessage message);

  /** Releases the token, once the message under way has its outcome. */
  CompletableFuture<Void> end();
}
