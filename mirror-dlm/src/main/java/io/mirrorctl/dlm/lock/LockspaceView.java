package io.mirrorctl.dlm.lock;

import java.util.List;

/**
 * Who is in a lockspace.
 *
 * @param generation rises by one with every change of the slots
 * @param slots by number; as many as the lockspace may have
 */
public record LockspaceView(long generation, List<SlotState> slots) {
  public LockspaceView {
    slots = List.copyOf(slots);
  }
}
