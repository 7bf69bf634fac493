package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.cluster.ClusterSeat;
import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.dlm.cluster.ClusterArray;
import io.mirrorctl.dlm.lock.SlotState;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Who has which slot of an array.
 *
 * @param self the name of this node
 */
record SlotNames(String self, Optional<ClusterSeat> seat) {

  List<ArrayDetail.Slot> of(NodeArray array) {
    ArrayStatus status = array.mirror().array().status();
    if (status.bitmapKind() == BitmapKind.NONE) {
      return List.of();
    }
    if (seat.isPresent() && array.shared().isPresent()) {
      return of(array.shared().get(), seat.get(), status);
    }
    return List.of(
        new ArrayDetail.Slot(status.slot(), self, "active", OptionalLong.of(status.dirtyChunks())));
  }

  /** Whose node has a slot of an array. */
  String nameOf(NodeArray array, int slot) {
    return of(array).stream()
        .filter(one -> one.slot() == slot)
        .findFirst()
        .map(ArrayDetail.Slot::node)
        .orElse("of slot " + slot);
  }

  private static List<ArrayDetail.Slot> of(
      ClusterArray array, ClusterSeat names, ArrayStatus status) {
    List<ArrayDetail.Slot> found = new ArrayList<>();
    List<SlotState> slots = array.lockspace().view().slots();
    for (int slot = 0; slot < slots.size(); slot++) {
      switch (slots.get(slot)) {
        case SlotState.Free _ -> {}
        case SlotState.Member member ->
            found.add(
                new ArrayDetail.Slot(
                    slot,
                    names.nameOf(member.node()),
                    "active",
                    slot == status.slot()
                        ? OptionalLong.of(status.dirtyChunks())
                        : OptionalLong.empty()));
        case SlotState.NeedsTakeover gone ->
            found.add(
                new ArrayDetail.Slot(
                    slot, names.nameOf(gone.node()), "needs-takeover", OptionalLong.empty()));
      }
    }
    return found;
  }
}
