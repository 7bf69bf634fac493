package io.mirrorctl.cli.cluster;

import io.mirrorctl.dlm.cluster.ClusterArray;
import io.mirrorctl.dlm.lock.SlotState;
import io.mirrorctl.dlm.member.Diagnostics;
import io.mirrorctl.dlm.member.Incarnation;
import io.mirrorctl.dlm.store.StoreCounts;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.IntFunction;

/** Who is in the cluster, put together from what the membership and the arrays say. */
final class Roster {
  private Roster() {}

  static ClusterMembers of(
      ClusterConfig config,
      Diagnostics diagnostics,
      List<ClusterArray> arrays,
      IntFunction<String> names) {
    List<ClusterMembers.Member> nodes =
        diagnostics.peers().stream()
            .map(peer -> member(peer, slots(peer.node(), arrays), names))
            .toList();
    String state =
        diagnostics.suspended()
            ? diagnostics.state() + ", ZooKeeper does not answer"
            : diagnostics.state();
    return new ClusterMembers(
        config.cluster(),
        diagnostics.cluster().epoch(),
        config.node(),
        state,
        use(diagnostics),
        nodes);
  }

  /** While this node is no member. */
  static ClusterMembers without(ClusterConfig config, String reason) {
    return new ClusterMembers(
        config.cluster(),
        0,
        config.node(),
        "out: " + reason,
        ClusterMembers.ZooKeeperUse.NONE,
        List.of());
  }

  static ClusterMembers.ZooKeeperUse use(Diagnostics diagnostics) {
    StoreCounts counts = diagnostics.store();
    return new ClusterMembers.ZooKeeperUse(
        counts.commits(), diagnostics.renewals(), counts.reads(), counts.changes());
  }

  private static ClusterMembers.Member member(
      Diagnostics.Peer peer, List<ClusterMembers.ArraySlot> slots, IntFunction<String> names) {
    long different = slots.stream().mapToInt(ClusterMembers.ArraySlot::slot).distinct().count();
    return new ClusterMembers.Member(
        names.apply(peer.node().node()),
        peer.node().node(),
        different == 1 ? OptionalInt.of(slots.getFirst().slot()) : OptionalInt.empty(),
        slots,
        peer.state(),
        peer.node().number(),
        peer.waiting());
  }

  private static List<ClusterMembers.ArraySlot> slots(Incarnation node, List<ClusterArray> arrays) {
    List<ClusterMembers.ArraySlot> found = new ArrayList<>();
    for (ClusterArray array : arrays) {
      List<SlotState> slots = array.lockspace().view().slots();
      for (int slot = 0; slot < slots.size(); slot++) {
        if (slots.get(slot).equals(new SlotState.Member(node.node(), node.number()))) {
          found.add(new ClusterMembers.ArraySlot(array.name(), slot));
        }
      }
    }
    return found;
  }
}
