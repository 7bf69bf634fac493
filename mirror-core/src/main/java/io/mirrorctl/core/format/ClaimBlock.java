package io.mirrorctl.core.format;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.UUID;

/**
 * What a node writes on the members of an array that it has in use: docs/formats/claim.md.
 *
 * @param array UUID of the array; a block that tells another one is left over from what was here
 *     before
 * @param slot whose block it is: the node's slot, 0 for a node that has the array for itself
 * @param owner in whose name
 * @param state whether it is still in use
 * @param epoch of the owner's view of its cluster, for people
 * @param intervalMillis how often the block is written while the array is in use
 * @param counter rises with each writing
 * @param writtenMillis calendar time of the writing by the owner's clock, in milliseconds since
 *     1970; for people
 */
public record ClaimBlock(
    UUID array,
    int slot,
    ClaimOwner owner,
    State state,
    long epoch,
    int intervalMillis,
    long counter,
    long writtenMillis) {
  /** The shortest and the longest interval that a block may tell. */
  public static final int MIN_INTERVAL_MILLIS = 100;

  /** See {@link #MIN_INTERVAL_MILLIS}. */
  public static final int MAX_INTERVAL_MILLIS = 20_000;

  /** Whether the array is in use. */
  public enum State {
    HELD,
    RELEASED
  }

  public ClaimBlock {
    checkArgument(slot >= 0 && slot < BitmapHeaderCodec.MAX_NODES, "slot %s", slot);
    checkArgument(
        intervalMillis >= MIN_INTERVAL_MILLIS && intervalMillis <= MAX_INTERVAL_MILLIS,
        "an interval of %s ms",
        intervalMillis);
  }

  public boolean isHeld() {
    return state == State.HELD;
  }
}
