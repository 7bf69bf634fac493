package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.cluster.ClusterSeat;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.cluster.ClusterArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Says who has what, and who waits for whom.
 *
 * <p>Threading: any thread; methods block, within limits.
 */
final class Insight {
  private final SlotNames slots;
  private final NodeArrays arrays;
  private final Env env;

  Insight(SlotNames slots, NodeArrays arrays, Env env) {
    this.slots = slots;
    this.arrays = arrays;
    this.env = env;
  }

  /** The locks of one shared array, or of all. */
  List<ArrayLocks> locks(Optional<String> name) throws IOException {
    ClusterSeat seat =
        slots
            .seat()
            .orElseThrow(() ->
                ArrayException.failed(
                    "node %s belongs to no cluster, so its arrays have no locks; start it with --cluster and --zookeeper to share them"
                        .formatted(slots.self())));
    List<ArrayLocks> all = new ArrayList<>();
    for (ClusterArray array : name.isPresent() ? List.of(shared(name.get())) : shared()) {
      all.add(
          ArrayLocks.of(
              array.name(),
              array.lockspace().name(),
              seat.locks(array),
              seat::nameOf,
              env.wallClock().instant()));
    }
    return all;
  }

  private List<ClusterArray> shared() {
    return arrays.all().stream().flatMap(array -> array.shared().stream()).toList();
  }

  private ClusterArray shared(String name) throws ArrayException {
    return arrays
        .find(name)
        .shared()
        .orElseThrow(() ->
            ArrayException.failed(
                "%s has no locks: it is this node's own; only arrays with a clustered bitmap are shared"
                    .formatted(name)));
  }
}
