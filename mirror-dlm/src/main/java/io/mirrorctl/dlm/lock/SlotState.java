package io.mirrorctl.dlm.lock;

/** What a slot of a lockspace is: kept in the store, so that it outlives every node (R17). */
public sealed interface SlotState {

  /** Nobody's; the lowest such slot goes to the next node that joins. */
  record Free() implements SlotState {}

  /** Of a member. */
  record Member(int node, long incarnation) implements SlotState {}

  /**
   * Of one that died, or left with work to be done; not given out again until {@link
   * Lockspace#takenOver}, unless all slots wait: then nobody is there to take them over, and slot 0
   * goes to the next node that joins, with what its last member left.
   *
   * @param generation in which it went
   */
  record NeedsTakeover(int node, long incarnation, long generation) implements SlotState {}
}
