package io.mirrorctl.dlm.message;

import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.LockspaceListener;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * Broadcasts among the members of a lockspace, by the exchange of token, message and ack of Linux's
 * md-cluster (docs/protocols/broadcast.md).
 *
 * <p>Contract: every message is applied by every member exactly once, in one order, before its
 * sender goes on (invariant I6). A node never receives while it sends and does not receive its own
 * messages. If a sender dies, a message that any member may have seen is brought to all of them
 * before the next; a proposal is then undone. A transaction that its holder did not live to end
 * shows in the next ones: {@link Transaction#interrupted}.
 *
 * <p>A node takes part from {@link #join} on and has to be a listener of its lockspace before: the
 * caller passes every callback of the {@link LockspaceListener} on to this object first.
 *
 * <p>Waiting: for the token without limit, until cancelled. Members that keep a message waiting for
 * longer than the limit are reported for ejection, and the sender waits until they are out of the
 * lockspace. A node that has to stop before that, or in a transaction in which it has sent
 * something, halts as a member of the cluster. To leave the lockspace does not do, as that gives up
 * the token as if nothing was half done, also if its slot needs takeover.
 *
 * <p>Callable from any thread; futures complete and the listener is called on the loop, which has
 * to be that of the lockspace.
 */
public final class BroadcastChannel implements LockspaceListener {
  private final ChannelState state;
  private final Exchange exchange;
  private final Receiving receiving;
  private final Sending sending;
  private final CompletableFuture<Void> closed = new CompletableFuture<>();
  private boolean closing;
  private boolean releasing;

  /**
   * A channel that has not joined yet.
   *
   * @param limit how long a member may take to answer: the time-out of a member disk plus five
   *     seconds, as a rule
   */
  public static BroadcastChannel of(
      Lockspace lockspace, Loop loop, Duration limit, ChannelListener listener) {
    var locks = new LockspaceLocks(lockspace);
    var channel = new BroadcastChannel(locks, loop, limit, listener, OwnAcks::new);
    locks.open(channel.ownAck(), channel::ackWanted);
    return channel;
  }

  BroadcastChannel(
      ChannelLocks locks,
      Loop loop,
      Duration limit,
      ChannelListener listener,
      Function<ChannelState, Exchange> kind) {
    state = new ChannelState(locks, loop, listener);
    exchange = kind.apply(state);
    receiving = new Receiving(state, exchange, this::armed);
    sending =
        new Sending(state, exchange, receiving, new Watchdog(state, loop, limit), this::changed);
    state.onEnd(_ -> closed.complete(null));
  }

  /**
   * Takes this node's place in the exchange. In the transaction that this begins it reads what it
   * has to know (view, superblocks, value blocks), so that nothing can change in between; from its
   * end on the node receives, and has to answer at once (schedule R16).
   */
  public Pending<Begun> join() {
    return begin(true);
  }

  /** Begins a transaction, when those before it have ended. */
  public Pending<Begun> begin() {
    return begin(false);
  }

  private Pending<Begun> begin(boolean joining) {
    var transaction = new OpenTransaction(sending, state, joining);
    return pending(transaction, transaction.begun());
  }

  /** Broadcasts one message. */
  public Pending<Delivery> send(ClusterMessage message) {
    var delivery = new CompletableFuture<Delivery>();
    return pending(new Turn.Single(message, delivery), delivery);
  }

  private <T> Pending<T> pending(Turn turn, CompletableFuture<T> outcome) {
    state.onLoop(() -> sending.add(turn));
    return new Pending<>(outcome, () -> state.onLoop(() -> sending.cancel(turn)));
  }

  /**
   * Stops taking part: what waits for the token is given up, a message on its way is seen through,
   * a transaction that is open is waited for. Complete when this node keeps nobody waiting any
   * more.
   */
  public CompletableFuture<Void> close() {
    state.onLoop(() -> {
      if (!closing && state.end().isEmpty()) {
        closing = true;
        sending.close();
        receiving.stopWaiting();
        changed();
      }
    });
    return closed;
  }

  /** The resource by which this node hears of messages. */
  String ownAck() {
    return exchange.ownAck();
  }

  /** Number of the last message that was applied here or sent from here. */
  int sequence() {
    return state.sequence();
  }

  /** Whether this node is the one that sends. */
  boolean holdsToken() {
    return sending.holdsToken();
  }

  /** Somebody wants {@code ack} EX. */
  void ackWanted() {
    state.onLoop(() -> {
      receiving.wanted();
      changed();
    });
  }

  private void armed() {
    sending.armed();
    changed();
  }

  private void changed() {
    if (state.end().isPresent()) {
      return;
    }
    if (closing) {
      letGo();
    }
    if (!releasing
        && receiving.isWanted()
        && receiving.isArmed()
        && sending.leavesReceiverAlone()) {
      receiving.start();
    }
    sending.next();
  }

  private void letGo() {
    if (!releasing && sending.isIdle() && receiving.isArmed()) {
      releasing = true;
      var _ =
          state
              .locks()
              .release()
              .whenComplete((_, _) -> state.onLoop(() -> state.end("the channel is closed")));
    }
  }

  @Override
  public void prep(long generation) {
    sending.deathSeen();
  }

  @Override
  public void slot(int slot, int node, long generation) {
    sending.gone(slot);
  }

  @Override
  public void left(int slot, int node, boolean needsTakeover, long generation) {
    sending.gone(slot);
  }

  @Override
  public void done(long generation) {
    changed();
  }

  @Override
  public void halted(String reason) {
    state.end(reason);
  }
}
