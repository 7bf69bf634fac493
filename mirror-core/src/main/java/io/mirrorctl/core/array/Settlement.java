package io.mirrorctl.core.array;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the members' superblocks say when another node has changed them: the set by which all nodes
 * go from then on. Reading changes nothing.
 *
 * <p>Source of the rules: the kernel's check_sb_changes, as told in the protocol document, section
 * 9; roles of the freshest superblock count.
 */
final class Settlement {
  private final MemberSet before;
  private final Map<Member, Superblock> found;
  private final Superblock freshest;

  private Settlement(MemberSet before, Map<Member, Superblock> found, Superblock freshest) {
    this.before = before;
    this.found = found;
    this.freshest = freshest;
  }

  /** Reads the superblocks of all members at hand, also of those that are faulty. */
  static Settlement read(MemberSet set) throws ArrayException {
    Map<Member, Superblock> found = new HashMap<>();
    List<String> unread = new ArrayList<>();
    for (Leg leg : set.legs()) {
      try {
        Superblock own = Candidate.read(leg.member().device()).superblock();
        if (own.deviceUuid().equals(leg.member().uuid())) {
          found.put(leg.member(), own);
        }
      } catch (IOException e) {
        unread.add(e.getMessage());
      }
    }
    Optional<Superblock> freshest =
        found.values().stream()
            .filter(Superblock::isActive)
            .max(Comparator.comparingLong(Superblock::events));
    if (freshest.isEmpty()) {
      throw ArrayException.failed(
          "no member has a superblock that can be read: " + String.join("; ", unread));
    }
    return new Settlement(set, found, freshest.get());
  }

  /** What the freshest superblock shows. */
  long events() {
    return freshest.events();
  }

  /** resync_offset of the freshest superblock, in sectors. */
  long resyncOffset() {
    return freshest.resyncOffset();
  }

  /** The set that the superblocks tell of, after a change that came to its end. */
  MemberSet set() throws ArrayException {
    return set(false, events());
  }

  /**
   * The set by which all go when nobody can say how far a change came: who was to be taken back and
   * did not hear of it stays faulty, and so becomes who cannot be read. Such a member may hold what
   * the change wrote nowhere else, so the events leave room for that.
   */
  MemberSet undecided() throws ArrayException {
    if (events() < before.events()) {
      throw ArrayException.failed(
          "this node goes by events %d and can read only superblocks with events %d"
              .formatted(before.events(), events()));
    }
    boolean allRead =
        before.legs().stream().allMatch(leg -> leg.isFaulty() || found.containsKey(leg.member()));
    return set(true, allRead ? events() : events() + before.legs().size());
  }

  private MemberSet set(boolean undecided, long events) throws ArrayException {
    checkAllAttached();
    List<Leg> legs = new ArrayList<>();
    for (Leg leg : before.legs()) {
      legs.add(settled(leg, undecided));
    }
    ImmutableList<Leg> all = ImmutableList.copyOf(legs);
    if (all.stream().noneMatch(Leg::isInSync)) {
      throw ArrayException.failed("this node reaches no in-sync member");
    }
    return new MemberSet(all, freshest.raidDisks(), freshest.size(), events);
  }

  /** The superblocks as they were read, into the members. */
  void takeOver() {
    found.forEach(Member::superblock);
  }

  private void checkAllAttached() throws ArrayException {
    for (int number = 0; number < freshest.devRoles().length(); number++) {
      int role = freshest.roleOf(number);
      int wanted = number;
      if (role < freshest.raidDisks()
          && before.legs().stream().noneMatch(leg -> leg.member().devNumber() == wanted)) {
        throw ArrayException.failed(
            "member %d (role %d) is in use on other nodes and not attached here"
                .formatted(number, role));
      }
    }
  }

  private Leg settled(Leg leg, boolean undecided) throws ArrayException {
    int role = freshest.roleOf(leg.member().devNumber());
    if (role < freshest.raidDisks()) {
      return new Leg(leg.member(), role, leg.state()).with(active(leg, role, undecided));
    }
    if (leg.isFaulty()) {
      return leg;
    }
    return leg.with(
        role == Superblock.ROLE_SPARE
            ? new MemberState.Spare()
            : new MemberState.Faulty("failed on another node"));
  }

  private MemberState active(Leg leg, int role, boolean undecided) throws ArrayException {
    Superblock own = found.get(leg.member());
    // one behind: the node that changed it died before it reached this one
    if (own != null && own.events() + 1 >= freshest.events()) {
      return own.isActive()
          ? AssemblyPlan.activeState(own)
          : AssemblyPlan.activated(role, freshest); // a spare that has not heard of its role
    }
    if (!undecided) {
      throw ArrayException.failed(
          leg.member() + " is in use on other nodes and cannot be read here");
    }
    return new MemberState.Faulty(
        own == null
            ? "could not be read after a node died in the middle of a change"
            : "the node that took it back died before it was told; re-add it");
  }
}
