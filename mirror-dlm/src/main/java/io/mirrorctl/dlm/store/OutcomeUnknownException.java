package io.mirrorctl.dlm.store;

/** The connection was lost before the answer: the commit was done, or was not, or still will be. */
public final class OutcomeUnknownException extends StoreException {
  private static final long serialVersionUID = 1;

  public OutcomeUnknownException(String message, Throwable cause) {
    super(Kind.OUTCOME_UNKNOWN, message, cause);
  }
}
