package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.LockRequest;
import io.mirrorctl.dlm.lock.RunOutcome;
import io.mirrorctl.dlm.lock.ValueBlock;
import io.mirrorctl.dlm.store.Bytes;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** The locks of the exchange, as the channel uses them. Futures complete on the loop. */
interface ChannelLocks {
  /** Resource whose holder of EX is the one sender. */
  String TOKEN = "token";

  /** Resource whose value block is the message. */
  String MESSAGE = "message";

  /** Resources whose names begin so stand for receivers. */
  String ACK = "ack";

  /** What is asked of the lock on a resource. */
  record Ask(String resource, LockRequest request) {
    static Ask of(String resource, LockMode mode) {
      return new Ask(resource, LockRequest.to(mode));
    }

    static Ask token(LockMode mode) {
      return of(TOKEN, mode);
    }

    static Ask message(LockMode mode) {
      return of(MESSAGE, mode);
    }

    Ask orBusy() {
      return new Ask(resource, request.orBusy());
    }

    Ask writing(Bytes value) {
      return new Ask(resource, request.writing(value));
    }

    Ask noting(Bytes note) {
      return new Ask(resource, request.noting(note));
    }
  }

  /** This node's slot. */
  int slot();

  /** The slots of all members of the lockspace. */
  Set<Integer> members();

  /** As {@link io.mirrorctl.dlm.lock.Lockspace#run}. */
  CompletableFuture<RunOutcome> run(List<Ask> asks);

  /** As {@link io.mirrorctl.dlm.lock.Lock#read}. */
  CompletableFuture<ValueBlock> read(String resource);

  /** As {@link io.mirrorctl.dlm.lock.Lock#cancel}. */
  void cancel(String resource);

  /**
   * The slots that keep this node's requests of {@code message} or {@code ack} waiting; empty if
   * none waits.
   */
  CompletableFuture<Set<Integer>> heldUpBy();

  /** Gives all of them up. */
  CompletableFuture<Void> release();
}
