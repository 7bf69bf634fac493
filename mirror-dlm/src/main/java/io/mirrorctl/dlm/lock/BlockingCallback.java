package io.mirrorctl.dlm.lock;

/**
 * Told on the lockspace's loop that the mode a lock holds keeps another owner's request waiting:
 * again for every request that wants more, and again when the lock is granted while such a request
 * queues already. May come late, once for several requests, or when the request is gone again;
 * never for a request of the lock itself. May make requests.
 */
@FunctionalInterface
public interface BlockingCallback {
  /** Another owner waits for this mode. */
  void blocking(LockMode wanted);
}
