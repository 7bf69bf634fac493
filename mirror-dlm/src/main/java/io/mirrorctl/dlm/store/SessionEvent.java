package io.mirrorctl.dlm.store;

/** What happened to the session. */
public enum SessionEvent {
  /** No server answers; the session may live on or end without our hearing of it. */
  SUSPENDED,
  /** A server answers again and the session has lived on. Changes in between were not told. */
  RECONNECTED,
  /**
   * The session is over, as the servers said or as nothing was heard for too long. The last event.
   */
  LOST
}
