package io.mirrorctl.core.format;

/** Where an array notes which chunks may differ between its members. */
public enum BitmapKind {
  /** One bitmap for each node, version 5 on disk. */
  CLUSTERED,
  /** One bitmap, version 4 on disk. */
  INTERNAL,
  /** None: after a crash the whole array is resynced. */
  NONE
}
