package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.array.LateRange;
import io.mirrorctl.core.block.SectorRange;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * Which writes of a node's earlier incarnations came back when their lease was over, by array: to
 * be put right when the node takes the array into use again (docs/protocols/fencing.md). Outlives
 * incarnations, not the process.
 *
 * <p>Threading: any thread.
 */
public final class LateWrites {
  private static final int MOST = 1000;

  private final Map<UUID, List<LateRange>> byArray = new HashMap<>();

  synchronized void add(UUID array, String disk, SectorRange sectors) {
    List<LateRange> late = byArray.computeIfAbsent(array, _ -> new ArrayList<>());
    var range = new LateRange(disk, sectors);
    if (late.size() == MOST) { // too many to tell them apart
      late.clear();
      late.add(LateRange.EVERYTHING);
    }
    if (!late.contains(LateRange.EVERYTHING) && !late.contains(range)) {
      late.add(range);
    }
  }

  synchronized List<LateRange> of(UUID array) {
    return List.copyOf(byArray.getOrDefault(array, List.of()));
  }

  /** These are put right. */
  synchronized void settled(UUID array, List<LateRange> done) {
    List<LateRange> late = byArray.get(array);
    if (late != null) {
      late.removeAll(done);
    }
  }
}
