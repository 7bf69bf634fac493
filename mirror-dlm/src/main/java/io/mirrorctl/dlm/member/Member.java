package io.mirrorctl.dlm.member;

import java.time.Duration;
import java.util.Optional;

/**
 * A member as the view has it.
 *
 * @param session of the store, by which a member knows its own entry again
 * @param timeoutMillis the session timeout the servers granted it when it joined
 * @param passed the last stage of the regroup it has passed
 * @param vouched an operator has said that it can write no more
 */
record Member(
    Incarnation id,
    State state,
    long session,
    long timeoutMillis,
    Optional<Stage> passed,
    Vote vote,
    boolean vouched) {

  /** How a member stands to regroups. */
  enum State {
    /** On its way in: takes part, and is up when the regroup is over. */
    JOINING,
    /** Takes part. */
    UP,
    /** Does no I/O any more and has no permission to take part; still there. */
    STOPPING,
    /**
     * Away since its I/O was held by its own word, and nothing lets it run again: not waited for,
     * but in the view until its death is sure.
     */
    QUIET,
    /** Gone for good, by its own word; the next regroup takes it out of the view. */
    LEFT,
    /** As one that left, but without having cleaned up. */
    HALTED;

    String word() {
      return switch (this) {
        case JOINING -> "joining";
        case UP -> "up";
        case STOPPING -> "stopping";
        case QUIET -> "quiet";
        case LEFT -> "left";
        case HALTED -> "halted";
      };
    }
  }

  /** What its arbiter said in this regroup. */
  enum Vote {
    NONE,
    WON,
    LOST
  }

  static Member joining(Incarnation id, long session, long timeoutMillis) {
    return new Member(
        id, State.JOINING, session, timeoutMillis, Optional.empty(), Vote.NONE, false);
  }

  /** Ends this long after the sending of the last answered renewal. */
  static Duration leaseLength(long timeoutMillis) {
    return Duration.ofMillis(timeoutMillis * 2 / 3);
  }

  Duration leaseLength() {
    return leaseLength(timeoutMillis);
  }

  /** Whether a stage waits for it. */
  boolean takesPart() {
    return state == State.JOINING || state == State.UP;
  }

  /** Whether it has said that it is gone for good. */
  boolean isOut() {
    return state == State.LEFT || state == State.HALTED;
  }

  boolean hasPassed(Stage stage) {
    return passed.isPresent() && passed.get().covers(stage);
  }

  Member at(State other) {
    return new Member(id, other, session, timeoutMillis, passed, vote, vouched);
  }

  Member past(Stage stage, Vote said) {
    return new Member(
        id,
        state,
        session,
        timeoutMillis,
        Optional.of(stage),
        said == Vote.NONE ? vote : said,
        vouched);
  }

  /** At the start of a regroup. */
  Member anew() {
    return new Member(id, state, session, timeoutMillis, Optional.empty(), Vote.NONE, vouched);
  }

  Member withWord() {
    return new Member(id, state, session, timeoutMillis, passed, vote, true);
  }
}
