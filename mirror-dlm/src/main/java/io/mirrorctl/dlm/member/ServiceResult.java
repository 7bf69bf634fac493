package io.mirrorctl.dlm.member;

/** What became of a service other than a join. */
public sealed interface ServiceResult {

  /** How a command ends with it. */
  Status status();

  /** The case at hand, for people. */
  String text();

  /** Done; the epoch is that of the view in which it shows, or which will show it. */
  record Done(long epoch, String text) implements ServiceResult {
    @Override
    public Status status() {
      return Status.DONE;
    }
  }

  /** The node that asks, or the one asked about, is not a member. */
  record NotMember(String text) implements ServiceResult {
    @Override
    public Status status() {
      return Status.NOT_MEMBER;
    }
  }

  /** The service is not for this case. */
  record Refused(String text) implements ServiceResult {
    @Override
    public Status status() {
      return Status.REFUSED;
    }
  }

  /** The servers do not answer at the moment; nothing is known about what was asked. */
  record Transient(String text) implements ServiceResult {
    @Override
    public Status status() {
      return Status.TRANSIENT;
    }
  }
}
