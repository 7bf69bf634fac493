package io.mirrorctl.core.array;

import java.io.IOException;

/** A request to an array, or to make or assemble one, was not carried out; nothing was changed. */
public final class ArrayException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Why it was not carried out. */
  public enum Reason {
    /** It cannot be done: a disk is unreadable, no such member, wrong state. */
    FAILED,
    /** It could be done, and might destroy data; the message says what is at risk. */
    PROTECTED
  }

  private final Reason reason;

  private ArrayException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /** What was asked for cannot be done. */
  public static ArrayException failed(String message) {
    return new ArrayException(Reason.FAILED, message, null);
  }

  /** What was asked for cannot be done, because of another error. */
  public static ArrayException failed(String message, Throwable cause) {
    return new ArrayException(Reason.FAILED, message, cause);
  }

  /** What was asked for is refused to protect data. */
  public static ArrayException refused(String message) {
    return new ArrayException(Reason.PROTECTED, message, null);
  }

  /** The same, said of an array of this name. */
  public ArrayException about(String array) {
    return getMessage().startsWith(array + " ") || getMessage().startsWith(array + ":")
        ? this
        : new ArrayException(reason, array + ": " + getMessage(), this);
  }

  public Reason reason() {
    return reason;
  }
}
