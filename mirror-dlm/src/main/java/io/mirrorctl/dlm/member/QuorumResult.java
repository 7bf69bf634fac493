package io.mirrorctl.dlm.member;

import java.util.Optional;

/** What became of a question about the arbitration winner or the quorum owner. */
public sealed interface QuorumResult {

  /** How a command ends with it. */
  Status status();

  /** The case at hand, for people. */
  String text();

  /**
   * As asked for: the winner, the owner that now is, or none after it was given up.
   *
   * @param epoch of the regroup that it goes with
   */
  record Chosen(Optional<Incarnation> node, long epoch) implements QuorumResult {
    @Override
    public Status status() {
      return Status.DONE;
    }

    @Override
    public String text() {
      return node.map(Incarnation::toString).orElse("no node") + ", epoch " + epoch;
    }
  }

  /**
   * Refused: it is for another node to be, or to say.
   *
   * @param chosen the node that was chosen; empty while a regroup has not chosen yet
   */
  record Otherwise(Optional<Incarnation> chosen, String text) implements QuorumResult {
    @Override
    public Status status() {
      return Status.OTHERWISE;
    }
  }

  /** The node that asks, or the one asked about, is not a member. */
  record NotMember(String text) implements QuorumResult {
    @Override
    public Status status() {
      return Status.NOT_MEMBER;
    }
  }

  /** The servers do not answer at the moment; nothing is known about what was asked. */
  record Transient(String text) implements QuorumResult {
    @Override
    public Status status() {
      return Status.TRANSIENT;
    }
  }
}
