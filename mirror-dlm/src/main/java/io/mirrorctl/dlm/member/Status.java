package io.mirrorctl.dlm.member;

/** How an answer of the membership ends a command: its exit code and what it says in general. */
public enum Status implements Ending {
  JOINED(0, "the node is a member of the cluster"),
  DONE(0, "done"),
  ALREADY(0, "the node is a member, or about to be one, already"),
  TIMEOUT(1, "the time given was over before it was done"),
  NOT_MEMBER(1, "the node is not a member of the cluster"),
  OTHERWISE(1, "the regroup has decided otherwise"),
  REFUSED(2, "this cannot be asked of this node"),
  TRANSIENT(3, "the cluster cannot answer at the moment; try again"),
  FAULT(4, "refused, to protect data");

  private final int exitCode;
  private final String text;

  Status(int exitCode, String text) {
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
