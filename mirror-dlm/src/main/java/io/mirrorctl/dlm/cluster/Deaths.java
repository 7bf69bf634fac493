package io.mirrorctl.dlm.cluster;

import io.mirrorctl.dlm.lock.LockspaceView;
import io.mirrorctl.dlm.lock.SlotState;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Counts slots that begin to wait for a takeover. Touched on the loop; read by any thread. */
final class Deaths {
  private final Set<Integer> waiting = new TreeSet<>();
  private boolean purging;
  private long count;
  private volatile long answer;

  /** This node comes in. */
  void start(LockspaceView view) {
    List<SlotState> slots = view.slots();
    for (int slot = 0; slot < slots.size(); slot++) {
      if (slots.get(slot) instanceof SlotState.NeedsTakeover) {
        began(slot);
      }
    }
  }

  void prep() {
    purging = true;
    show();
  }

  /** The slot begins to wait. */
  void began(int slot) {
    count++;
    waiting.add(slot);
    show();
  }

  void done() {
    purging = false;
    show();
  }

  void freed(int slot) {
    waiting.remove(slot);
    show();
  }

  private void show() {
    answer = purging || !waiting.isEmpty() ? -1 - count : count;
  }

  /** As {@link io.mirrorctl.core.array.ClusterPort#deaths}. */
  long answer() {
    return answer;
  }
}
