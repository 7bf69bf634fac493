package io.mirrorctl.dlm.store;

/** The store could not do what was asked; the message says what and why. */
public class StoreException extends Exception {
  private static final long serialVersionUID = 1;

  public StoreException(String message) {
    super(message);
  }

  public StoreException(String message, Throwable cause) {
    super(message, cause);
  }
}
