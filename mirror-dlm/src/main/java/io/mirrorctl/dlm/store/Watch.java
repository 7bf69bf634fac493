package io.mirrorctl.dlm.store;

/** A watch that is in place. */
public interface Watch extends AutoCloseable {
  /** Nothing more is told from here on. */
  @Override
  void close();
}
