package io.mirrorctl.dlm.message;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** A turn of several messages, as its user has it. */
final class OpenTransaction implements Transaction, Turn {
  private final Sending sending;
  private final ChannelState state;
  private final boolean joining;
  private final CompletableFuture<Begun> begun = new CompletableFuture<>();
  private final CompletableFuture<Void> ended = new CompletableFuture<>();
  private final Deque<Runnable> waiting = new ArrayDeque<>();
  private Optional<CompletableFuture<Delivery>> underWay = Optional.empty();
  private boolean busy;
  private boolean ending;
  private volatile boolean interrupted;

  OpenTransaction(Sending sending, ChannelState state, boolean joining) {
    this.sending = sending;
    this.state = state;
    this.joining = joining;
  }

  /** Whether the node takes its place in the exchange with it. */
  boolean joining() {
    return joining;
  }

  CompletableFuture<Begun> begun() {
    return begun;
  }

  /** The token is had. */
  void open() {
    interrupted = sending.interrupted();
    begun.complete(new Begun.Open(this));
  }

  @Override
  public boolean interrupted() {
    return interrupted;
  }

  @Override
  public void settled() {
    interrupted = false;
    state.onLoop(() -> sending.settled(this));
  }

  @Override
  public CompletableFuture<Delivery> send(ClusterMessage message) {
    return send(message, false);
  }

  @Override
  public CompletableFuture<Delivery> finish(ClusterMessage message) {
    return send(message, true);
  }

  private CompletableFuture<Delivery> send(ClusterMessage message, boolean last) {
    var delivery = new CompletableFuture<Delivery>();
    state.onLoop(() -> {
      if (state.end().isPresent()) {
        delivery.complete(new Delivery.NotSent(state.end().get()));
        return;
      }
      if (ending || underWay.isPresent()) {
        delivery.completeExceptionally(
            new IllegalStateException(
                ending ? "the transaction has ended" : "a message of it is under way"));
        return;
      }
      ending = last;
      underWay = Optional.of(delivery);
      whenIdle(() -> sending.publish(message, last, delivered -> delivered(delivered)));
    });
    return delivery;
  }

  private void delivered(Delivery delivery) {
    CompletableFuture<Delivery> told = underWay.orElseThrow();
    underWay = Optional.empty();
    told.complete(delivery);
  }

  @Override
  public CompletableFuture<Void> end() {
    state.onLoop(() -> {
      if (state.end().isPresent()) {
        ended.complete(null);
      } else if (!ending) {
        ending = true;
        whenIdle(sending::release);
      }
    });
    return ended;
  }

  /** The locks of the message before are still being let go when its delivery is told. */
  private void whenIdle(Runnable task) {
    if (busy) {
      waiting.add(task);
    } else {
      busy = true;
      task.run();
    }
  }

  /** The locks rest, but for the token. */
  void idle() {
    busy = false;
    if (!waiting.isEmpty()) {
      whenIdle(waiting.poll());
    }
  }

  /** The token is let go. */
  void ended() {
    ended.complete(null);
  }

  @Override
  public void notBegun(String reason) {
    begun.complete(new Begun.Not(reason));
  }

  @Override
  public void lost(String reason) {
    begun.complete(new Begun.Not(reason));
    underWay.ifPresent(delivery -> delivery.complete(new Delivery.Lost(reason)));
    ended.complete(null);
  }
}
