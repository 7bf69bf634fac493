package io.mirrorctl.dlm.lock;

/** One of several requests that are made together: see {@link Lockspace#run}. */
public record Step(Lock lock, LockRequest request) {
  /** The lock to the mode and no more. */
  public static Step to(Lock lock, LockMode mode) {
    return new Step(lock, LockRequest.to(mode));
  }
}
