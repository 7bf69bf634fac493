package io.mirrorctl.dlm.lock;

import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.ImmutableSortedSet;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.LongPredicate;

/**
 * Who is in a lockspace, as it is stored; what follows it is made by its methods alone.
 *
 * @param generation rises by one with every change of the slots
 * @param dying slots whose members are dead and whose locks are being purged; while there are any,
 *     nothing else may change
 * @param log what happened in the last {@link #LOG_GENERATIONS} generations, in order
 */
record ViewRecord(
    long generation,
    List<SlotState> slots,
    Set<Integer> dying,
    Map<String, String> parameters,
    List<Event> log) {

  /** A member that has slept through more cannot tell its listener what happened, and halts. */
  static final int LOG_GENERATIONS = 64;

  /** What happened to a slot. */
  enum Kind {
    JOINED,
    /** And the slot was free. */
    LEFT,
    /** And the slot waited for a takeover. */
    LEFT_WITH_WORK,
    DIED,
    FREED
  }

  /** That it happened, with the node that had the slot. */
  record Event(long generation, Kind kind, int slot, int node, long incarnation) {}

  ViewRecord {
    slots = List.copyOf(slots);
    dying = ImmutableSortedSet.copyOf(dying);
    parameters = ImmutableSortedMap.copyOf(parameters);
    log = List.copyOf(log);
  }

  /** A lockspace that nobody has joined yet. */
  static ViewRecord first(LockspaceSettings settings) {
    return new ViewRecord(
        0,
        Collections.nCopies(settings.slots(), new SlotState.Free()),
        Set.of(),
        settings.parameters(),
        List.of());
  }

  boolean isRecovering() {
    return !dying.isEmpty();
  }

  /** The slot of the member with that incarnation. */
  OptionalInt slotOf(long incarnation) {
    for (int slot = 0; slot < slots.size(); slot++) {
      if (slots.get(slot) instanceof SlotState.Member member
          && member.incarnation() == incarnation) {
        return OptionalInt.of(slot);
      }
    }
    return OptionalInt.empty();
  }

  OptionalInt lowestFree() {
    int slot = slots.indexOf(new SlotState.Free());
    return slot < 0 ? OptionalInt.empty() : OptionalInt.of(slot);
  }

  /** The slots of members whose incarnation is gone, those being purged included. */
  Set<Integer> dead(LongPredicate isGone) {
    ImmutableSortedSet.Builder<Integer> dead = ImmutableSortedSet.naturalOrder();
    for (int slot = 0; slot < slots.size(); slot++) {
      if (slots.get(slot) instanceof SlotState.Member member
          && (dying.contains(slot) || isGone.test(member.incarnation()))) {
        dead.add(slot);
      }
    }
    return dead.build();
  }

  /** Whether that owner is one of those being purged. */
  boolean isDying(Owner owner) {
    return dying.contains(owner.slot())
        && slots.get(owner.slot()) instanceof SlotState.Member member
        && member.incarnation() == owner.incarnation();
  }

  ViewRecord joined(int slot, int node, long incarnation) {
    return with(slot, new SlotState.Member(node, incarnation), Kind.JOINED, node, incarnation);
  }

  ViewRecord left(int slot, Lockspace.Leaving how) {
    SlotState.Member member = (SlotState.Member) slots.get(slot);
    return switch (how) {
      case CLEAN ->
          with(slot, new SlotState.Free(), Kind.LEFT, member.node(), member.incarnation());
      case NEEDS_TAKEOVER ->
          with(
              slot,
              needsTakeover(member),
              Kind.LEFT_WITH_WORK,
              member.node(),
              member.incarnation());
    };
  }

  ViewRecord freed(int slot) {
    SlotState.NeedsTakeover last = (SlotState.NeedsTakeover) slots.get(slot);
    return with(slot, new SlotState.Free(), Kind.FREED, last.node(), last.incarnation());
  }

  /** Lock activity stands still until {@link #recovered}. */
  ViewRecord recovering(Set<Integer> dead) {
    return new ViewRecord(generation, slots, dead, parameters, log);
  }

  /** The locks of the dying are purged. */
  ViewRecord recovered() {
    List<SlotState> next = new ArrayList<>(slots);
    List<Event> events = new ArrayList<>();
    for (int slot : dying) {
      SlotState.Member member = (SlotState.Member) slots.get(slot);
      next.set(slot, needsTakeover(member));
      events.add(new Event(generation + 1, Kind.DIED, slot, member.node(), member.incarnation()));
    }
    return next(next, events);
  }

  private SlotState needsTakeover(SlotState.Member member) {
    return new SlotState.NeedsTakeover(member.node(), member.incarnation(), generation + 1);
  }

  private ViewRecord with(int slot, SlotState state, Kind kind, int node, long incarnation) {
    List<SlotState> next = new ArrayList<>(slots);
    next.set(slot, state);
    return next(next, List.of(new Event(generation + 1, kind, slot, node, incarnation)));
  }

  private ViewRecord next(List<SlotState> next, List<Event> events) {
    List<Event> kept = new ArrayList<>(log);
    kept.removeIf(event -> event.generation() + LOG_GENERATIONS <= generation + 1);
    kept.addAll(events);
    return new ViewRecord(generation + 1, next, Set.of(), parameters, kept);
  }

  LockspaceView toView() {
    return new LockspaceView(generation, slots);
  }
}
