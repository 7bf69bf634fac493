package io.mirrorctl.dlm.message;

import io.mirrorctl.core.env.Invariant;
import io.mirrorctl.dlm.lock.Grant;
import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.RunOutcome;
import io.mirrorctl.dlm.message.ChannelLocks.Ask;
import io.mirrorctl.dlm.store.Bytes;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The sender's side: one turn at a time has the token.
 *
 * <p>As long as no sender can have died unnoticed, a message goes out with the commit that takes
 * the token. Otherwise the node looks first whether {@code message} holds one that not all have
 * answered, and sees that through before anything else: see docs/protocols/broadcast.md.
 */
final class Sending {
  private final ChannelState state;
  private final Exchange exchange;
  private final Receiving receiving;
  private final Rounds rounds;
  private final Runnable onChange;
  private final Deque<Turn> queue = new ArrayDeque<>();
  private Optional<Turn> current = Optional.empty();

  /** Asked for with the message, so that the commit of the token may be that of the message. */
  private boolean asksForAll;

  private boolean asks;
  private boolean cancelled;
  private boolean holds;
  private TokenBlock token = new TokenBlock(0, false);
  private boolean joined;
  private boolean closing;
  private Optional<Runnable> whenArmed = Optional.empty();

  Sending(
      ChannelState state,
      Exchange exchange,
      Receiving receiving,
      Watchdog watchdog,
      Runnable onChange) {
    this.state = state;
    this.exchange = exchange;
    this.receiving = receiving;
    this.onChange = onChange;
    rounds = new Rounds(state, exchange, watchdog);
    state.onEnd(this::lost);
  }

  boolean holdsToken() {
    return holds;
  }

  /** Whether locks of the receiver's side may be asked for. */
  boolean leavesReceiverAlone() {
    return !holds && !asksForAll;
  }

  boolean isIdle() {
    return current.isEmpty() && queue.isEmpty();
  }

  boolean interrupted() {
    return token.interrupted();
  }

  void settled(Turn by) {
    Invariant.check(current.equals(Optional.of(by)) && holds, "settled without the token");
    token = new TokenBlock(token.sequence(), false);
  }

  void add(Turn turn) {
    if (state.end().isPresent()) {
      turn.notBegun(state.end().get());
    } else if (closing) {
      turn.notBegun("the channel is being closed");
    } else {
      queue.add(turn);
      next();
    }
  }

  /** Takes a turn back if its message cannot have been seen. */
  void cancel(Turn turn) {
    if (queue.remove(turn)) {
      turn.notBegun("cancelled");
    } else if (asks && current.equals(Optional.of(turn))) {
      cancelled = true;
      state.locks().cancel(ChannelLocks.TOKEN);
    }
  }

  /** Nothing new begins; what waits for the token is given up. */
  void close() {
    closing = true;
    var dropped = List.copyOf(queue);
    queue.clear();
    dropped.forEach(turn -> turn.notBegun("the channel is being closed"));
    current.ifPresent(this::cancel);
  }

  /** A member died: its message may be half-way unless this node had the token. */
  void deathSeen() {
    if (joined && !holds) {
      state.verified(false);
      if (asksForAll) {
        state.locks().cancel(ChannelLocks.TOKEN);
      }
    }
  }

  /** Member is out of the lockspace. */
  void gone(int slot) {
    rounds.gone(slot);
  }

  /** The receiver's side rests. */
  void armed() {
    whenArmed.ifPresent(task -> {
      whenArmed = Optional.empty();
      task.run();
    });
    next();
  }

  void next() {
    if (current.isPresent() || state.end().isPresent() || closing) {
      return;
    }
    if (queue.isEmpty() && joined && !state.verified()) {
      queue.add(new Turn.Inspection());
    }
    current = Optional.ofNullable(queue.poll());
    current.ifPresent(turn -> {
      cancelled = false;
      if (turn instanceof OpenTransaction transaction && transaction.joining()) {
        join();
      } else if (turn instanceof Turn.Single(var message, _)
          && state.verified()
          && receiving.isArmed()
          && !receiving.isWanted()) {
        askForAll(message);
      } else {
        ask();
      }
    });
  }

  private void join() {
    asks = true;
    state.run(
        List.of(
            // conversions go before new requests: those of members that never stop sending, too
            Ask.token(LockMode.NL),
            Ask.token(LockMode.EX),
            Ask.message(LockMode.NL),
            Ask.of(exchange.ownAck(), LockMode.CR)),
        ran -> {
          asks = false;
          if (ran.grants().size() < 2) {
            drop("cancelled");
            return;
          }
          takeToken(ran.grants().get(1));
          if (!ran.complete()) {
            release();
            return;
          }
          joined = true;
          Bytes value = ran.grants().get(2).value().content();
          state.applied(sequenceOf(value), new Answer.Accepted());
          inspect(value, false, true);
        });
  }

  /** The way of most messages: one commit, if the token is free. */
  private void askForAll(ClusterMessage message) {
    asks = true;
    asksForAll = true;
    var envelope = rounds.envelope(message);
    var requests = new ArrayList<Ask>();
    requests.add(Ask.token(LockMode.EX).orBusy());
    requests.addAll(exchange.publish(MessageCodec.encode(envelope), false));
    rounds.waiting();
    state.run(
        requests,
        ran -> {
          asks = false;
          asksForAll = false;
          rounds.waited();
          List<Grant> grants = ran.grants();
          if (grants.isEmpty()) {
            refusedOrCancelled();
            return;
          }
          takeToken(grants.get(0));
          switch (grants.size()) {
            case 1 -> verify();
            case 2 -> inspect(grants.get(1).value().content(), true, false);
            default -> {
              Invariant.check(
                  sequenceOf(grants.get(1).value().content()) == envelope.sequence() - 1,
                  "message %d went over another",
                  envelope.sequence());
              // it was published before any death that was told since, or would have been cancelled
              state.verified(true);
              rounds.published(envelope, ran, this::answered);
            }
          }
        });
  }

  private void refusedOrCancelled() {
    if (cancelled) {
      drop("cancelled");
    } else {
      ask();
    }
    onChange.run();
  }

  /** Waits for the token, and meanwhile receives. */
  private void ask() {
    asks = true;
    state.run(
        List.of(Ask.token(LockMode.EX)),
        ran -> {
          asks = false;
          if (ran.complete()) {
            takeToken(ran.grants().getFirst());
            verify();
          } else {
            drop("cancelled");
          }
        });
  }

  private void takeToken(Grant grant) {
    holds = true;
    try {
      token = TokenBlock.decode(grant.value());
    } catch (IllegalArgumentException e) {
      state.halt(e.getMessage());
    }
  }

  /** Has the token; makes sure that no message of a dead sender is half-way. */
  private void verify() {
    if (state.end().isPresent()) {
      return;
    }
    if (!receiving.isArmed()) {
      whenArmed = Optional.of(this::verify);
      return;
    }
    receiving.forget();
    if (cancelled) {
      release();
    } else if (state.verified()) {
      begin(false);
    } else {
      rounds.waiting();
      state.run(
          List.of(Ask.message(LockMode.EX)),
          ran -> {
            rounds.waited();
            inspect(ran.grants().getFirst().value().content(), true, false);
          });
    }
  }

  /**
   * Looks at what {@code message} holds.
   *
   * @param exclusive whether this node holds it EX; NL otherwise
   * @param joining whether this node was no member when it was written
   */
  private void inspect(Bytes value, boolean exclusive, boolean joining) {
    if (state.end().isPresent()) {
      return;
    }
    if (sequenceOf(value) == token.sequence()) {
      if (sequenceOf(value) == state.sequence()) {
        state.verified(true);
        begin(exclusive);
      } else {
        state.halt(
            "message %d was sent while this node stood at message %d"
                .formatted(
                    Integer.toUnsignedLong(sequenceOf(value)),
                    Integer.toUnsignedLong(state.sequence())));
      }
    } else {
      rounds.complete(
          value,
          exclusive,
          joining,
          () -> {
            state.verified(true);
            begin(false);
          });
    }
  }

  private static int sequenceOf(Bytes value) {
    return switch (MessageCodec.decode(value)) {
      case MessageRead.None() -> 0;
      case MessageRead.Valid(var envelope) -> envelope.sequence();
      case MessageRead.Unreadable unreadable -> unreadable.sequence();
    };
  }

  private void begin(boolean exclusive) {
    switch (current.orElseThrow()) {
      case Turn.Single(var message, _) when !cancelled ->
          rounds.publish(message, exclusive, this::answered);
      case Turn.Single _, Turn.Inspection _ -> rest(exclusive, this::release);
      case OpenTransaction transaction -> {
        if (cancelled) {
          rest(exclusive, this::release);
        } else {
          rest(exclusive, transaction::open);
        }
      }
    }
  }

  private void rest(boolean exclusive, Runnable next) {
    if (exclusive) {
      state.run(List.of(Ask.message(LockMode.NL)), _ -> next.run());
    } else {
      next.run();
    }
  }

  /** The message of a single turn has its answers. */
  private void answered(Delivery delivery) {
    if (current.orElseThrow() instanceof Turn.Single(_, var told)) {
      letGo(exchange.close());
      told.complete(delivery);
    }
  }

  /** For the transaction that has the token. */
  void publish(ClusterMessage message, boolean last, Consumer<Delivery> told) {
    rounds.publish(
        message,
        false,
        delivery -> {
          if (last) {
            letGo(exchange.close());
          } else {
            rounds.close(() -> current.ifPresent(turn -> ((OpenTransaction) turn).idle()));
          }
          told.accept(delivery);
        });
  }

  void release() {
    letGo(List.of());
  }

  private void letGo(List<Ask> before) {
    receiving.forget();
    if (state.verified()) {
      token = new TokenBlock(state.sequence(), token.interrupted());
    }
    var asks = new ArrayList<>(before);
    asks.add(Ask.token(LockMode.NL).writing(token.encode()));
    state.run(asks, this::released);
  }

  private void released(RunOutcome ran) {
    Invariant.check(ran.complete(), "the token was not let go: %s", ran);
    holds = false;
    if (current.orElseThrow() instanceof OpenTransaction transaction) {
      transaction.ended();
    }
    drop("cancelled");
  }

  /** The turn is over; what was told before stays told. */
  private void drop(String reason) {
    Turn over = current.orElseThrow();
    current = Optional.empty();
    over.notBegun(reason);
    onChange.run();
  }

  private void lost(String reason) {
    rounds.waited();
    current.ifPresent(turn -> turn.lost(reason));
    current = Optional.empty();
    queue.forEach(turn -> turn.notBegun(reason));
    queue.clear();
  }
}
