package io.mirrorctl.dlm.member;

/** An entry of the store does not hold what it should; the message says which and why. */
final class UnreadableRecordException extends Exception {
  private static final long serialVersionUID = 1;

  UnreadableRecordException(String message) {
    super(message);
  }
}
