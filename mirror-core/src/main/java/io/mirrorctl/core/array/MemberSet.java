package io.mirrorctl.core.array;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.env.Invariant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/**
 * Who the members are and in which state, at one value of the superblock's events. Immutable: a
 * change of anything here is a new set, switched to while no I/O is in flight (invariant I11).
 */
final class MemberSet {
  private final ImmutableList<Leg> legs;
  private final int raidDisks;
  private final long sizeSectors;
  private final long events;
  private final ImmutableList<Leg> receiving;
  private final ImmutableList<Leg> inSync;
  private final boolean complete;

  MemberSet(ImmutableList<Leg> legs, int raidDisks, long sizeSectors, long events) {
    this.legs = legs;
    this.raidDisks = raidDisks;
    this.sizeSectors = sizeSectors;
    this.events = events;
    this.receiving = filter(Leg::receives);
    this.inSync = filter(Leg::isInSync);
    this.complete =
        legs.stream().noneMatch(Leg::isRecovering)
            && IntStream.range(0, raidDisks).allMatch(role -> inRole(role).isPresent());
    for (int role = 0; role < raidDisks; role++) {
      int wanted = role;
      Invariant.check(
          inSync.stream().filter(leg -> leg.role() == wanted).count() <= 1,
          "role %d is held by two in-sync members: %s",
          role,
          legs);
    }
  }

  private ImmutableList<Leg> filter(Predicate<Leg> wanted) {
    return legs.stream().filter(wanted).collect(toImmutableList());
  }

  ImmutableList<Leg> legs() {
    return legs;
  }

  int raidDisks() {
    return raidDisks;
  }

  /** Array size in sectors. */
  long sizeSectors() {
    return sizeSectors;
  }

  long events() {
    return events;
  }

  /** Members that take every write. */
  ImmutableList<Leg> receiving() {
    return receiving;
  }

  /** Members that take every write and did not in this earlier set. */
  List<Leg> receivingFirst(MemberSet before) {
    return receiving.stream()
        .filter(leg -> before.find(leg.member()).filter(Leg::receives).isEmpty())
        .toList();
  }

  /** Members that may be read. */
  ImmutableList<Leg> inSync() {
    return inSync;
  }

  /** Whether every role is in sync and nobody is being filled: only then may bits be cleared. */
  boolean isComplete() {
    return complete;
  }

  boolean isDegraded() {
    return IntStream.range(0, raidDisks).anyMatch(role -> inRole(role).isEmpty());
  }

  Optional<Leg> inRole(int role) {
    return inSync.stream().filter(leg -> leg.role() == role).findFirst();
  }

  Optional<Leg> find(Member member) {
    return legs.stream().filter(leg -> leg.member() == member).findFirst();
  }

  /** Whether the disk with this UUID is one of them, in whatever state. */
  boolean has(UUID device) {
    return legs.stream().anyMatch(leg -> leg.member().uuid().equals(device));
  }

  MemberSet withLegs(ImmutableList<Leg> next) {
    return new MemberSet(next, raidDisks, sizeSectors, events);
  }

  /** The same set with one member in another state; its place in the list stays. */
  MemberSet with(Member member, UnaryOperator<Leg> change) {
    return withLegs(
        legs.stream()
            .map(leg -> leg.member() == member ? change.apply(leg) : leg)
            .collect(toImmutableList()));
  }

  MemberSet plus(Leg leg) {
    return withLegs(ImmutableList.<Leg>builder().addAll(legs).add(leg).build());
  }

  MemberSet minus(Member member) {
    return withLegs(filter(leg -> leg.member() != member));
  }

  MemberSet withEvents(long next) {
    return new MemberSet(legs, raidDisks, sizeSectors, next);
  }

  MemberSet withRaidDisks(int next) {
    return new MemberSet(legs, next, sizeSectors, events);
  }

  MemberSet withSize(long nextSectors) {
    return new MemberSet(legs, raidDisks, nextSectors, events);
  }
}
