package io.mirrorctl.core.array;

/**
 * A member's place in one {@link MemberSet}.
 *
 * @param member the disk
 * @param role its raid_disk index; -1 for spares and for faulty members
 * @param state what it is to the array
 */
record Leg(Member member, int role, MemberState state) {

  boolean isInSync() {
    return state instanceof MemberState.InSync;
  }

  boolean isRecovering() {
    return state instanceof MemberState.Recovering;
  }

  boolean isFaulty() {
    return state instanceof MemberState.Faulty;
  }

  boolean receives() {
    return state.receives();
  }

  Leg with(MemberState next) {
    boolean roleless = next instanceof MemberState.Spare || next instanceof MemberState.Faulty;
    return new Leg(member, roleless ? -1 : role, next);
  }
}
