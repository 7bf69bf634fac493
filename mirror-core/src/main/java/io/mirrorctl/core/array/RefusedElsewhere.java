package io.mirrorctl.core.array;

import java.io.IOException;

/**
 * A change of a shared array's members was not made, as the node of another slot cannot follow it.
 */
public final class RefusedElsewhere extends IOException {
  private static final long serialVersionUID = 1L;

  private final int slot;
  private final String reason;
  private final boolean unseen;

  /**
   * @param reason of the other node, for people
   */
  RefusedElsewhere(int slot, String reason) {
    this(slot, reason, false);
  }

  /** It has not found the disk. */
  RefusedElsewhere(int slot) {
    this(slot, "it does not find the disk", true);
  }

  private RefusedElsewhere(int slot, String reason, boolean unseen) {
    super("the node of slot %d refused: %s".formatted(slot, reason));
    this.slot = slot;
    this.reason = reason;
    this.unseen = unseen;
  }

  /** Whose node refused. */
  public int slot() {
    return slot;
  }

  /** What it said, for people. */
  public String reason() {
    return reason;
  }

  /** Whether it may find the disk if it is asked again. */
  boolean isUnseen() {
    return unseen;
  }
}
