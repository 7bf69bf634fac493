package io.mirrorctl.dlm.lock;

import com.google.common.base.Preconditions;
import io.mirrorctl.dlm.store.Bytes;
import java.util.Optional;

/**
 * What is asked of one lock: a mode, and what goes with it.
 *
 * @param mode to be granted
 * @param value written with the grant; only for a conversion that writes by the DLM's table, which
 *     is one from PW or EX to anything but PW to EX, and so is always granted at once
 * @param note stands at this owner's entry until its next request and is read by the others with
 *     their grants; at most {@link #NOTE_BYTES}, empty for none
 * @param noQueue refused rather than queued if it cannot be granted at once
 */
public record LockRequest(LockMode mode, Optional<Bytes> value, Bytes note, boolean noQueue) {
  /** The most bytes a note may have. */
  public static final int NOTE_BYTES = 40;

  public LockRequest {
    Preconditions.checkArgument(
        value.isEmpty() || value.get().size() == ValueBlock.BYTES,
        "a value block has %s bytes",
        ValueBlock.BYTES);
    Preconditions.checkArgument(
        note.size() <= NOTE_BYTES,
        "a note has at most %s bytes, this one has %s",
        NOTE_BYTES,
        note.size());
  }

  /** The mode and no more. */
  public static LockRequest to(LockMode mode) {
    return new LockRequest(mode, Optional.empty(), Bytes.EMPTY, false);
  }

  /** The same, writing this value block. */
  public LockRequest writing(Bytes written) {
    return new LockRequest(mode, Optional.of(written), note, noQueue);
  }

  /** The same, leaving this note for the other owners. */
  public LockRequest noting(Bytes left) {
    return new LockRequest(mode, value, left, noQueue);
  }

  /** The same, refused rather than queued: the DLM's NOQUEUE. */
  public LockRequest orBusy() {
    return new LockRequest(mode, value, note, true);
  }
}
