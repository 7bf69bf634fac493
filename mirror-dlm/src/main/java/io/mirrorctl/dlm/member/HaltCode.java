package io.mirrorctl.dlm.member;

/**
 * Why an incarnation came to its end without having been asked to. The node may join again, as a
 * new incarnation with a new session.
 */
public enum HaltCode implements Ending {
  SESSION_LOST(3, "the session with the servers is over"),
  EJECTED(1, "another member ejected this node"),
  REMOVED(1, "the cluster went on without this node"),
  OVERTURNED(1, "a lock operation found this node's standing overturned"),
  ARBITRATION_LOST(4, "arbitration went against this node"),
  STALLED(1, "this node did not pass a stage of a regroup in time"),
  CALLBACK_FAILED(1, "the node above could not follow the cluster"),
  UNREADABLE(4, "the cluster's records cannot be read"),
  BUG(1, "the membership broke its own rules");

  private final int exitCode;
  private final String text;

  HaltCode(int exitCode, String text) {
    this.exitCode = exitCode;
    this.text = text;
  }

  @Override
  public int exitCode() {
    return exitCode;
  }

  @Override
  public String text() {
    return text;
  }
}
