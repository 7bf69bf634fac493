package io.mirrorctl.dlm.member;

/**
 * Where a regroup stands. A stage is passed when every member of the new view that takes part has
 * reached its end.
 */
public enum Stage {
  /**
   * A member that has not held its I/O is away, and its death is not sure: I/O runs by the last
   * view until it is.
   */
  PUT_OFF,
  /** All I/O is held; where that is asked for, the arbiters decide. */
  HOLD,
  /** Every member goes by the new view. */
  NEW_VIEW,
  /** Nothing more is taken from the dead. */
  CLEAN_UP_1,
  /** What waited for the dead is ended. */
  CLEAN_UP_2,
  /** The members agree on what the dead left open. */
  SETTLE,
  /** I/O runs again. */
  RESUME,
  /** The nodes above hear who came and who went. */
  TELL,
  /** No regroup is under way. */
  STABLE;

  Stage next() {
    return switch (this) {
      case PUT_OFF -> HOLD;
      case HOLD -> NEW_VIEW;
      case NEW_VIEW -> CLEAN_UP_1;
      case CLEAN_UP_1 -> CLEAN_UP_2;
      case CLEAN_UP_2 -> SETTLE;
      case SETTLE -> RESUME;
      case RESUME -> TELL;
      case TELL, STABLE -> STABLE;
    };
  }

  /** Whether a member that has passed this one has passed the other too. */
  boolean covers(Stage other) {
    return compareTo(other) >= 0;
  }
}
