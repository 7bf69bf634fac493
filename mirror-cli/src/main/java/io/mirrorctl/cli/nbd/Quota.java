package io.mirrorctl.cli.nbd;

import java.util.concurrent.atomic.AtomicInteger;

/** A number of things of which only so many may exist. Safe from any thread. */
final class Quota {
  private final int limit;
  private final AtomicInteger used = new AtomicInteger();

  Quota(int limit) {
    this.limit = limit;
  }

  /** Takes one if there is one left. */
  boolean tryTake() {
    if (used.incrementAndGet() <= limit) {
      return true;
    }
    used.decrementAndGet();
    return false;
  }

  void give() {
    used.decrementAndGet();
  }

  int used() {
    return used.get();
  }
}
