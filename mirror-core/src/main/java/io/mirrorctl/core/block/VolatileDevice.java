package io.mirrorctl.core.block;

/**
 * A device behind a connection, which may lose answered writes when the far side restarts.
 *
 * <p>When the connection was lost with writes not yet flushed, every request fails with {@link
 * IoFailure#VOLATILE_LOSS}, also after the reconnection, until the user has said by {@link
 * #acknowledgeLoss} that it will no longer trust what was written since the last flush.
 */
public interface VolatileDevice extends BlockDevice {

  /**
   * Whether the far side is there at the moment, whatever it may have lost. Does not wait; what it
   * says may be over when it returns.
   */
  default boolean isConnected() {
    return true;
  }

  /** The user knows that unflushed writes may be gone; requests are served again. */
  void acknowledgeLoss();
}
