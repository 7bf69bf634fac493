package io.mirrorctl.dlm.message;

/** What the value block of {@code message} holds. */
public sealed interface MessageRead {

  /** A message. */
  record Valid(Envelope envelope) implements MessageRead {}

  /** Nothing was ever sent. */
  record None() implements MessageRead {}

  /**
   * A message that this version of the program cannot take in.
   *
   * @param sender its slot
   * @param sequence its place in the order
   * @param fact whether it is one that cannot be refused
   * @param reason what is wrong with it
   */
  record Unreadable(int sender, int sequence, boolean fact, String reason) implements MessageRead {}
}
