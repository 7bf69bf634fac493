package io.mirrorctl.core.block;

/**
 * A node's permission to do member I/O, which runs out unless it is renewed in time (decision D4).
 *
 * <p>Threading: any thread, without a lock as long as the lease is valid.
 */
public interface IoLease {

  /**
   * Returns when I/O may be submitted, or the result of one be used; waits meanwhile. Not
   * interruptible.
   *
   * @throws DeviceException of kind {@link IoFailure#CLOSED} when it never may again
   */
  void await() throws DeviceException;

  /**
   * A request is about to be submitted: as {@link #await}, and counted until {@link #returned}, so that
   * somebody can wait until none is under way.
   */
  default void submit() throws DeviceException {
    await();
  }

  /** A request that {@link #submit} let through has returned. */
  default void returned() {}

  /**
   * A write came back when the lease was over for good, so it may have taken effect when others did
   * not expect it any more.
   */
  void late(String device, SectorRange range);
}
