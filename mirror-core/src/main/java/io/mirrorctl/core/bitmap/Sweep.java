package io.mirrorctl.core.bitmap;

import io.mirrorctl.core.format.BitmapHeader;
import java.io.IOException;
import java.util.OptionalLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Clears the bits of chunks that have been idle for a while.
 *
 * <p>An idle counter stands at 2. A pass makes it 1, a later pass makes it 0 and clears the bit. A
 * counter that is 1 before the members are flushed and 1 after it had no writer and no copy in
 * between, since only a pass makes it 1: everything that was ever written to the chunk is then on
 * stable storage of all members.
 *
 * <p>Threading: one pass at a time; the caller sees to it. The bitmap's lock is taken for one page
 * of counters at a time.
 */
final class Sweep {
  private final ReentrantLock lock;
  private final DurableSlot slot;
  private final ChunkCounters counters;
  private final BitmapStorage storage;

  Sweep(ReentrantLock lock, DurableSlot slot, ChunkCounters counters, BitmapStorage storage) {
    this.lock = lock;
    this.slot = slot;
    this.counters = counters;
    this.storage = storage;
  }

  /** Brings every idle counter one step further down, and writes the pages that lose bits. */
  void pass() throws IOException {
    step(anyToClear() ? permission() : OptionalLong.empty());
    writeCleared();
  }

  /** Brings every idle counter down to zero if that is allowed now. */
  void passToTheEnd() throws IOException {
    step(OptionalLong.empty());
    pass();
  }

  private boolean anyToClear() {
    for (int number = 0; number < counters.pages(); number++) {
      CounterPage page = counters.page(number);
      for (int i = 0; page != null && page.isPending() && i < CounterPage.CHUNKS; i++) {
        if (page.word(i) == 1) {
          return true;
        }
      }
    }
    return false;
  }

  /** The events at which bits may be cleared, with all that has to be durable before. */
  private OptionalLong permission() throws IOException {
    OptionalLong events = clearableAtEvents();
    if (events.isEmpty()) {
      return events;
    }
    storage.flushMembers();
    lock.lock();
    try {
      if (!storage.clearableAtEvents().equals(events)) {
        return OptionalLong.empty();
      }
      if (!slot.isClearedAtLeast(events.getAsLong())) {
        slot.updateHeader(header -> clearedAtLeast(events.getAsLong(), header));
      }
      return events;
    } finally {
      lock.unlock();
    }
  }

  private static BitmapHeader clearedAtLeast(long events, BitmapHeader header) {
    return header.toBuilder().eventsCleared(Math.max(events, header.eventsCleared())).build();
  }

  private OptionalLong clearableAtEvents() {
    lock.lock();
    try {
      return storage.clearableAtEvents();
    } finally {
      lock.unlock();
    }
  }

  private void step(OptionalLong permission) {
    for (int number = 0; number < counters.pages(); number++) {
      CounterPage page = counters.page(number);
      if (page != null && page.isPending()) {
        lock.lock();
        try {
          step(number, page, permission);
        } finally {
          lock.unlock();
        }
      }
    }
  }

  /** Lock held. */
  private void step(int number, CounterPage page, OptionalLong permission) {
    boolean mayClear =
        permission.isPresent()
            && storage.clearableAtEvents().equals(permission)
            && slot.isClearedAtLeast(permission.getAsLong());
    page.beginSweep();
    boolean inUse = false;
    boolean idle = false;
    for (int i = 0; i < CounterPage.CHUNKS; i++) {
      int word = page.word(i);
      if (word == 1 && mayClear && page.clear(i)) {
        slot.clear((long) number * CounterPage.CHUNKS + i);
        continue;
      }
      if (word == 2) {
        page.age(i);
      }
      inUse |= word != 0;
      idle |= word == 1 || word == 2;
    }
    if (idle) {
      page.wakeSweep();
    }
    if (!inUse) {
      counters.removePage(number);
    }
  }

  private void writeCleared() throws IOException {
    lock.lock();
    try {
      slot.writeCleared();
    } finally {
      lock.unlock();
    }
  }
}
