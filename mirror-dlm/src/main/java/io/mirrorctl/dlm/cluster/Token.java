package io.mirrorctl.dlm.cluster;

import io.mirrorctl.dlm.message.Begun;
import io.mirrorctl.dlm.message.Bits256;
import io.mirrorctl.dlm.message.BroadcastChannel;
import io.mirrorctl.dlm.message.ClusterMessage;
import io.mirrorctl.dlm.message.Delivery;
import io.mirrorctl.dlm.message.Pending;
import io.mirrorctl.dlm.message.Transaction;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * This node's turns as the one in the cluster that changes things. While it has the token nobody
 * else changes the members, joins, leaves or takes over a slot, and no message comes in.
 *
 * <p>Threads of this node that need the token at the same time have it together: what one of them
 * does under it may need a change of the members that another makes. Those that change members
 * exclude each other by {@link Held#changing}.
 *
 * <p>Threading: any thread but the loop's; all methods may block.
 */
final class Token {

  /** Reads what must be known under the token and cannot change meanwhile. */
  interface Others {
    /** The slots of other nodes that have the array in use. */
    Set<Integer> inUse() throws IOException;
  }

  private final BroadcastChannel channel;
  private final Others others;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ReentrantLock changing = new ReentrantLock();
  private Transaction open;
  private int users;
  private boolean busy;

  /** The slots of other nodes in use; null while this node has not the token. */
  private volatile Set<Integer> known;

  Token(BroadcastChannel channel, Others others) {
    this.channel = channel;
    this.others = others;
  }

  /** Takes this node's place among those who hear messages, and the token. */
  Held join() throws IOException {
    return take(channel::join);
  }

  /** Waits for the token, or joins those of this node who have it. */
  Held take() throws IOException {
    return take(channel::begin);
  }

  /** The slots of other nodes in use if this node has the token, else null. */
  Set<Integer> known() {
    return known;
  }

  private Held take(Supplier<Pending<Begun>> begin) throws IOException {
    lock.lock();
    try {
      while (busy) {
        changed.awaitUninterruptibly();
      }
      if (open != null) {
        users++;
        return new Held(open);
      }
      busy = true;
    } finally {
      lock.unlock();
    }
    Transaction begun = null;
    try {
      begun = begin(begin);
      known = Set.copyOf(others.inUse());
    } finally {
      lock.lock();
      try {
        if (known != null) {
          open = begun;
          users = 1;
        } else if (begun != null) {
          var _ = begun.end();
        }
        busy = false;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
    return new Held(begun);
  }

  private static Transaction begin(Supplier<Pending<Begun>> begin) throws IOException {
    return switch (Await.done(begin.get().outcome(), "waiting for the token")) {
      case Begun.Open(var transaction) -> transaction;
      case Begun.Not(var reason) -> throw new IOException("the cluster cannot be asked: " + reason);
    };
  }

  /** The token, until it is closed. */
  final class Held implements AutoCloseable {
    private final Transaction transaction;
    private boolean finishing;

    private Held(Transaction transaction) {
      this.transaction = transaction;
    }

    /** For who changes members, until it is unlocked. */
    ReentrantLock changing() {
      return changing;
    }

    /** The slots of other nodes that have the array in use. */
    Set<Integer> others() {
      return known;
    }

    /** Whether a node died in the middle of a change, and nobody has put it right since. */
    boolean interrupted() {
      return transaction.interrupted();
    }

    void settled() {
      transaction.settled();
    }

    /**
     * Tells all nodes; returns when all have done what it says.
     *
     * @return members that fail on other nodes
     */
    Bits256 send(ClusterMessage message) throws IOException {
      return delivered(message, transaction.send(message));
    }

    /**
     * Asks all nodes.
     *
     * @return that one of them refused
     */
    Optional<Delivery.Refused> propose(ClusterMessage.Proposal message) throws IOException {
      CompletableFuture<Delivery> sent = transaction.send(message);
      if (Await.done(sent, "asking the other nodes") instanceof Delivery.Refused refused) {
        return Optional.of(refused);
      }
      var _ = delivered(message, sent);
      return Optional.empty();
    }

    /** Tells all nodes the last message before this is closed. */
    void finish(ClusterMessage message) throws IOException {
      lock.lock();
      try {
        finishing = users == 1;
        busy |= finishing;
      } finally {
        lock.unlock();
      }
      var _ =
          delivered(message, finishing ? transaction.finish(message) : transaction.send(message));
    }

    private Bits256 delivered(ClusterMessage message, CompletableFuture<Delivery> sent)
        throws IOException {
      return switch (Await.done(sent, "telling the other nodes")) {
        case Delivery.Delivered(var alsoFailing) -> alsoFailing;
        case Delivery.Refused(int slot, var reason) ->
            throw new IOException(
                "%s: the node of slot %d refused: %s".formatted(message, slot, reason));
        case Delivery.NotSent(var reason) ->
            throw new IOException("%s was not sent: %s".formatted(message, reason));
        case Delivery.Lost(var reason) ->
            throw new IOException("%s: not all have answered: %s".formatted(message, reason));
      };
    }

    @Override
    public void close() throws IOException {
      lock.lock();
      try {
        users--;
        if (users > 0) {
          return;
        }
        busy = true;
        known = null;
      } finally {
        lock.unlock();
      }
      try {
        Await.done(transaction.end(), "giving up the token");
      } finally {
        lock.lock();
        try {
          open = null;
          busy = false;
          changed.signalAll();
        } finally {
          lock.unlock();
        }
      }
    }
  }
}
