package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.array.ArrayControl;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * When a node that comes in may begin its I/O: what a node that had died by then was copying nobody
 * can say, so all writes wait until its slot is taken over. Threading: any thread.
 */
final class Opening {
  private final Set<Integer> awaited = new TreeSet<>();
  private Optional<ArrayControl> held = Optional.empty();
  private boolean begun;

  /**
   * The array is assembled, and its I/O held since.
   *
   * @param unknown slots that are waited for
   */
  synchronized void begin(ArrayControl array, Set<Integer> unknown) {
    held = Optional.of(array);
    awaited.addAll(unknown);
    look();
  }

  /** The slot is taken over. */
  synchronized void freed(int slot) {
    awaited.remove(slot);
    look();
  }

  private void look() {
    if (awaited.isEmpty() && !begun && held.isPresent()) {
      begun = true;
      held.get().resumeIo();
    }
  }

  /** Whether I/O has begun. */
  synchronized boolean isBegun() {
    return begun;
  }
}
