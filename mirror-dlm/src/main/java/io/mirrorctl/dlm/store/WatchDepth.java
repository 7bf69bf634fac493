package io.mirrorctl.dlm.store;

/** How far down a watch looks. */
public enum WatchDepth {
  /** The entry at the path alone. */
  ENTRY,
  /** The entry at the path and all below it. */
  SUBTREE
}
