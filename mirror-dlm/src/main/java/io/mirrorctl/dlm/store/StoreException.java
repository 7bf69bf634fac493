package io.mirrorctl.dlm.store;

/** The store could not do what was asked; the message says what and why. */
public class StoreException extends Exception {
  private static final long serialVersionUID = 1;

  /** What is wrong, for programs. */
  public enum Kind {
    /** No server of the ensemble answers. */
    UNREACHABLE(false),
    /** There are servers, but they give no session: too few of them, or too slow. */
    NO_QUORUM(false),
    /** The servers, or our own entries, are open to another user than this one. */
    USER_REFUSED(true),
    /** The place where the store should be holds something else, which is left as it is. */
    FOREIGN_ROOT(true),
    /** The store was made by another version of this program. */
    OTHER_FORMAT(true),
    /** Most servers and this node do not trust each other, or only one of them speaks TLS. */
    TLS_REFUSED(true),
    /** A file of this node, with its user or its keys, cannot be used. */
    FILE_UNUSABLE(true),
    /** See {@link OutcomeUnknownException}. */
    OUTCOME_UNKNOWN(false),
    /** See {@link SessionLostException}. */
    SESSION_LOST(false),
    /** Anything else. */
    OTHER(false);

    private final boolean permanent;

    Kind(boolean permanent) {
      this.permanent = permanent;
    }

    /** Whether another try fails in the same way until somebody changes the set-up. */
    public boolean isPermanent() {
      return permanent;
    }
  }

  private final Kind kind;

  public StoreException(String message) {
    this(Kind.OTHER, message);
  }

  public StoreException(Kind kind, String message) {
    this(kind, message, null);
  }

  public StoreException(String message, Throwable cause) {
    this(Kind.OTHER, message, cause);
  }

  public StoreException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  /** What is wrong. */
  public Kind kind() {
    return kind;
  }
}
