package io.mirrorctl.dlm;

import io.mirrorctl.dlm.message.ClusterMessage;
import io.mirrorctl.dlm.message.Delivery;
import io.mirrorctl.dlm.message.Transaction;
import java.util.concurrent.CompletableFuture;

/**
 * The transaction in which a node joins; knows whether the others may have heard anything in it.
 */
final class FirstTransaction implements Transaction {
  private final Transaction transaction;
  private volatile boolean sent;

  FirstTransaction(Transaction transaction) {
    this.transaction = transaction;
  }

  boolean hasSent() {
    return sent;
  }

  @Override
  public boolean interrupted() {
    return transaction.interrupted();
  }

  @Override
  public void settled() {
    transaction.settled();
  }

  @Override
  public CompletableFuture<Delivery> send(ClusterMessage message) {
    sent = true;
    return transaction.send(message);
  }

  @Override
  public CompletableFuture<Delivery> finish(ClusterMessage message) {
    sent = true;
    return transaction.finish(message);
  }

  @Override
  public CompletableFuture<Void> end() {
    return transaction.end();
  }
}
