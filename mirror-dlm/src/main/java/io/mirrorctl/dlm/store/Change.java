package io.mirrorctl.dlm.store;

/** That an entry changed; what it is now has to be read. */
public record Change(String path, Kind kind) {

  /** What happened to it. */
  public enum Kind {
    CREATED,
    CHANGED,
    DELETED
  }
}
