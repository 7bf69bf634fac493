package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.dlm.message.ResyncWindows;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Where other nodes copy, by their messages. A message has a mask of the window announced last
 * only: a window that was told before keeps the mask it had then; to who did not hear that, because
 * it came in later, all of the window counts.
 *
 * <p>Threading: one thread at a time.
 */
final class PeerWindows {
  /** By slot: the parts of each window. */
  private final Map<Integer, Map<SectorRange, List<SectorRange>>> known = new HashMap<>();

  /** The node of this slot has told these; gives where it copies, and nowhere else. */
  List<SectorRange> told(int slot, ResyncWindows windows) {
    Map<SectorRange, List<SectorRange>> before = known.getOrDefault(slot, Map.of());
    Map<SectorRange, List<SectorRange>> now = new HashMap<>();
    for (SectorRange window : windows.ranges()) {
      now.put(window, before.getOrDefault(window, List.of(window)));
    }
    now.put(windows.ranges().getLast(), windows.lastParts());
    known.put(slot, now);
    List<SectorRange> parts = new ArrayList<>();
    now.values().forEach(parts::addAll);
    return parts;
  }

  /** The node of this slot copies nothing, or the slot is nobody's. */
  void forget(int slot) {
    known.remove(slot);
  }
}
