package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.Bytes;
import java.util.Optional;

/** What an owner does to a record. */
sealed interface LockOp {
  /** Asks for a mode, by a new request or a conversion. */
  record Ask(LockRequest request) implements LockOp {}

  /** Takes back what queues. */
  record Cancel() implements LockOp {}

  /** Gives everything up. */
  record Unlock(Optional<Bytes> value) implements LockOp {}
}
