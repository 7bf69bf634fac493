package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.Bytes;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * This node's lock on one resource of a lockspace, from {@link Lockspace#lock}. It holds nothing
 * until its first {@link #convert} is granted; rests in NL, so that it is quickly had again; and is
 * gone with {@link #unlock}.
 *
 * <p>One request at a time: another one fails with {@link IllegalStateException} until the first
 * has its outcome. {@link #cancel} may come at any time.
 *
 * <p>Callable from any thread. Futures complete and callbacks run on the lockspace's loop.
 */
public interface Lock {
  /** Name of the resource. */
  String resource();

  /** The mode that is held as far as this node knows; stays what it was while a request waits. */
  Optional<LockMode> granted();

  /** Asks for the mode: a new request if the lock holds nothing, a conversion otherwise. */
  default CompletableFuture<LockOutcome> convert(LockMode mode) {
    return convert(LockRequest.to(mode));
  }

  /**
   * Asks for the mode of the request; fails with {@link IllegalArgumentException} if it writes a
   * value block where the DLM's table does not.
   */
  CompletableFuture<LockOutcome> convert(LockRequest request);

  /** The same, told by a callback. */
  void convert(LockRequest request, Consumer<LockOutcome> done);

  /**
   * Takes back the request under way, or the run of which the lock is a part; its outcome is {@link
   * LockOutcome.Cancelled}, or what it would have been if that came first. Without one: nothing.
   */
  void cancel();

  /**
   * Reads the value block as it is now, whatever this lock holds. Nothing but another lock that the
   * caller holds keeps it from changing. Fails with {@link io.mirrorctl.dlm.store.StoreException}
   * if the lock or this node's part in the lockspace is over first.
   */
  CompletableFuture<ValueBlock> read();

  /** Gives the lock up, whatever it holds. The lock cannot be used any more. */
  CompletableFuture<LockOutcome> unlock();

  /** The same, writing the value block; the lock has to hold PW or EX. */
  CompletableFuture<LockOutcome> unlock(Bytes value);
}
