package io.mirrorctl.core.bitmap;

import io.mirrorctl.core.env.Invariant;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The counters of {@value #CHUNKS} chunks, 16 bits each, with md's meaning: two flags and a count.
 *
 * <p>The count is 0 for a chunk whose bit is clear, 1 or 2 for a chunk without a writer that waits
 * for the sweep, and 2 more than the number of its writers otherwise. A flag stands only on a count
 * of at least 2, so whatever happens to a chunk takes it out of the sweep's reach for two passes.
 *
 * <p>Threading: a counter leaves zero only under the bitmap's lock, and comes back to zero only
 * there; all between is compare-and-set from any thread. A page that was dropped because all its
 * counters were zero therefore never counts again.
 */
final class CounterPage {
  static final int CHUNKS = 2048;

  /** The chunk must be copied between the members. */
  static final int NEEDED = 0x8000;

  /** The chunk is being copied. */
  static final int RESYNC = 0x4000;

  /** The bits of the count; a count of this size takes no further writer. */
  static final int COUNT = 0x3fff;

  private static final int SYNC = NEEDED | RESYNC;
  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(short[].class);

  private final short[] words = new short[CHUNKS];

  /** Some counter may be at 1 or 2 without a flag: the sweep has to look. */
  private volatile boolean pending;

  int word(int index) {
    return (short) WORD.getVolatile(words, index) & 0xffff;
  }

  private boolean change(int index, int from, int to) {
    return WORD.compareAndSet(words, index, (short) from, (short) to);
  }

  /** Takes a counter out of zero for its first writer. Bitmap's lock held. */
  void beginFirst(int index) {
    boolean wasZero = change(index, 0, 3);
    Invariant.check(wasZero, "counter %d of a page left zero without the lock", index);
  }

  /** Counts one more writer, unless the counter is zero or full. */
  boolean begin(int index) {
    while (true) {
      int word = word(index);
      int count = word & COUNT;
      if (count == 0 || count == COUNT) {
        return false;
      }
      if (change(index, word, word + (count == 1 ? 2 : 1))) {
        return true;
      }
    }
  }

  /** Counts a writer out; true if it made room in a full counter. */
  boolean end(int index, boolean needed) {
    while (true) {
      int word = word(index);
      int count = word & COUNT;
      Invariant.check(count > 2, "a write ended that never started; counter %#x", word);
      int next = (word - 1) | (needed ? NEEDED : 0);
      if (change(index, word, next)) {
        if (next == 2) {
          wakeSweep();
        }
        return count == COUNT;
      }
    }
  }

  /** Sets NEEDED, out of zero too. Bitmap's lock held. */
  void need(int index) {
    while (true) {
      int word = word(index);
      int next = (word & COUNT) < 2 ? (word & ~COUNT) | 2 : word;
      if (word == (next | NEEDED) || change(index, word, next | NEEDED)) {
        return;
      }
    }
  }

  /** NEEDED becomes RESYNC; true if one of the two was set. */
  boolean startSync(int index) {
    while (true) {
      int word = word(index);
      if ((word & NEEDED) == 0) {
        return (word & RESYNC) != 0;
      }
      if (change(index, word, (word & ~NEEDED) | RESYNC)) {
        return true;
      }
    }
  }

  /** RESYNC goes, and becomes NEEDED unless the chunk was copied. */
  void endSync(int index, boolean copied) {
    while (true) {
      int word = word(index);
      if ((word & RESYNC) == 0) {
        return;
      }
      int next = (word & ~RESYNC) | (copied ? 0 : NEEDED);
      if (change(index, word, next)) {
        if (next == 2) {
          wakeSweep();
        }
        return;
      }
    }
  }

  /** Idle one pass longer: 2 becomes 1. */
  boolean age(int index) {
    return change(index, 2, 1);
  }

  /** Idle long enough: 1 becomes 0. Bitmap's lock held. */
  boolean clear(int index) {
    return change(index, 1, 0);
  }

  /** Makes a counter zero whatever it counted. Bitmap's lock held. */
  void drop(int index) {
    WORD.setVolatile(words, index, (short) 0);
  }

  boolean isPending() {
    return pending;
  }

  void wakeSweep() {
    if (!pending) {
      pending = true;
    }
  }

  /** To be called before the counters are looked at, so that a later change is not missed. */
  void beginSweep() {
    pending = false;
  }

  static boolean isNeeded(int word) {
    return (word & SYNC) != 0;
  }

  /** Whether a write of the chunk is under way. */
  static boolean isWriting(int word) {
    return (word & COUNT) > 2;
  }
}
