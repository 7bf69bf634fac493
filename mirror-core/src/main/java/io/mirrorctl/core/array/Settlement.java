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
  private final Proposed proposed;
  private final Map<Member, Superblock> found;
  private final Superblock freshest;

  private Settlement(
      MemberSet before, Proposed proposed, Map<Member, Superblock> found, Superblock freshest) {
    this.before = before;
    this.proposed = proposed;
    this.found = found;
    this.freshest = freshest;
  }

  /**
   * Reads the superblocks of all members at hand, also of those that are faulty, and of disks that
   * are to come in.
   */
  static Settlement read(MemberSet set, Proposed proposed) throws ArrayException {
    Map<Member, Superblock> found = new HashMap<>();
    List<String> unread = new ArrayList<>();
    for (Leg leg : set.legs()) {
      read(leg.member(), found, unread);
    }
    Optional<Superblock> freshest =
        found.values().stream()
            .filter(Superblock::isActive)
            .max(Comparator.comparingLong(Superblock::events));
    if (freshest.isEmpty()) {
      throw ArrayException.failed(
          "no member has a superblock that can be read: " + String.join("; ", unread));
    }
    proposed.coming().forEach(member -> read(member, found, unread));
    return new Settlement(set, proposed, found, freshest.get());
  }

  private static void read(Member member, Map<Member, Superblock> found, List<String> unread) {
    try {
      Superblock own = Candidate.read(member.device()).superblock();
      if (own.deviceUuid().equals(member.uuid())) {
        found.put(member, own);
      }
    } catch (IOException e) {
      unread.add(e.getMessage());
    }
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
    List<Leg> come = new ArrayList<>();
    for (Member member : proposed.coming()) {
      arrived(member, undecided).ifPresent(come::add);
    }
    for (Leg leg : before.legs()) {
      if (!isGone(leg) && !isSuperseded(leg, come)) {
        legs.add(settled(leg, undecided));
      }
    }
    legs.addAll(come);
    ImmutableList<Leg> all = ImmutableList.copyOf(legs);
    if (all.stream().noneMatch(Leg::isInSync)) {
      throw ArrayException.failed("this node reaches no in-sync member");
    }
    return new MemberSet(all, freshest.raidDisks(), freshest.size(), events);
  }

  /** What becomes of a disk that was to come in; nothing if its superblock does not tell of it. */
  private Optional<Leg> arrived(Member member, boolean undecided) throws ArrayException {
    int role = freshest.roleOf(member.devNumber());
    Superblock own = found.get(member);
    boolean told =
        own != null && own.events() == freshest.events() && own.devNumber() == member.devNumber();
    if (role >= freshest.raidDisks()) {
      return told && role == Superblock.ROLE_SPARE
          ? Optional.of(new Leg(member, -1, new MemberState.Spare()))
          : Optional.empty();
    }
    if (told) {
      return Optional.of(new Leg(member, role, AssemblyPlan.activeState(own)));
    }
    if (!undecided) {
      throw ArrayException.failed(
          member + " came in on other nodes and cannot be read here as they wrote it");
    }
    return Optional.empty(); // the role is vacant again; its disk goes on telling what it told
  }

  /** Who stays has a role, is called faulty, or was told the new events. */
  private boolean isGone(Leg leg) {
    int number = leg.member().devNumber();
    Superblock own = found.get(leg.member());
    return proposed.isGoing(number)
        && freshest.roleOf(number) == Superblock.ROLE_SPARE
        && (own == null ? leg.isFaulty() : own.events() < freshest.events());
  }

  /** Its number is another disk's now. */
  private static boolean isSuperseded(Leg leg, List<Leg> come) {
    return !leg.receives()
        && come.stream().anyMatch(other -> other.member().devNumber() == leg.member().devNumber());
  }

  /**
   * The superblocks as they were read, into the members; those who came in too late keep theirs.
   */
  void takeOver() {
    found.forEach((member, own) -> {
      if (before.find(member).isPresent() || own.events() == freshest.events()) {
        member.superblock(own);
      }
    });
  }

  private void checkAllAttached() throws ArrayException {
    for (int number = 0; number < freshest.devRoles().length(); number++) {
      int role = freshest.roleOf(number);
      int wanted = number;
      if (role < freshest.raidDisks()
          && before.legs().stream().noneMatch(leg -> leg.member().devNumber() == wanted)
          && proposed.coming().stream().noneMatch(member -> member.devNumber() == wanted)) {
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
    Superblock own = found.get(leg.member());
    boolean told = own != null && own.events() == freshest.events();
    if (leg.isFaulty() && !(told && role == Superblock.ROLE_SPARE)) {
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
