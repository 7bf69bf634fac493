package io.mirrorctl.dlm.store;

/** The session is over. */
public final class SessionLostException extends StoreException {
  private static final long serialVersionUID = 1;

  public SessionLostException(String message) {
    super(Kind.SESSION_LOST, message);
  }
}
