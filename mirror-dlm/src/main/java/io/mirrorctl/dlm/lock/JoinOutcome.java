package io.mirrorctl.dlm.lock;

/** What became of {@link Lockspace#join}. */
public sealed interface JoinOutcome {

  /** This node is a member. */
  record Joined(Lockspace lockspace) implements JoinOutcome {}

  /**
   * No slot is free.
   *
   * @param members slots of members
   * @param needTakeover slots that wait for a takeover
   */
  record Full(int members, int needTakeover) implements JoinOutcome {}

  /** A setting differs from that of the members; the value is empty where there is none. */
  record Mismatch(String parameter, String ours, String theirs) implements JoinOutcome {}

  /** The session is lost, the incarnation overturned, or the store holds what it should not. */
  record Halted(String reason) implements JoinOutcome {}
}
