package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.LockRequest;
import io.mirrorctl.dlm.lock.RunOutcome;
import io.mirrorctl.dlm.store.Bytes;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** The three locks of the exchange, as the channel uses them. Futures complete on the loop. */
interface ChannelLocks {

  /** A lock resource of the exchange. */
  enum Resource {
    TOKEN("token"),
    MESSAGE("message"),
    ACK("ack");

    private final String text;

    Resource(String text) {
      this.text = text;
    }

    /** Its name in the lockspace. */
    String text() {
      return text;
    }
  }

  /** What is asked of one of them. */
  record Ask(Resource resource, LockRequest request) {
    static Ask token(LockMode mode) {
      return new Ask(Resource.TOKEN, LockRequest.to(mode));
    }

    static Ask message(LockMode mode) {
      return new Ask(Resource.MESSAGE, LockRequest.to(mode));
    }

    static Ask ack(LockMode mode) {
      return new Ask(Resource.ACK, LockRequest.to(mode));
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

  /** As {@link io.mirrorctl.dlm.lock.Lockspace#run}. */
  CompletableFuture<RunOutcome> run(List<Ask> asks);

  /** As {@link io.mirrorctl.dlm.lock.Lock#cancel}. */
  void cancel(Resource resource);

  /**
   * The slots that keep this node's request of {@code message} or {@code ack} waiting; empty if
   * neither waits.
   */
  CompletableFuture<Set<Integer>> heldUpBy();

  /** Gives all three up. */
  CompletableFuture<Void> release();
}
