package io.mirrorctl.core.array;

import static java.util.stream.Collectors.joining;
import static java.util.stream.Collectors.toSet;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.format.Feature;
import io.mirrorctl.core.format.MdUuid;
import io.mirrorctl.core.format.Superblock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;

/**
 * Who of the disks at hand is what in the array, decided from their superblocks alone. Pure: reads
 * and writes nothing.
 *
 * <p>Source of the rules: mdadm's Assemble.c and the kernel's super_1_validate, as told in the
 * format document, section 9; stricter where two halves of an array went on alone.
 *
 * @param freshest the superblock that counts
 * @param placed every disk that belongs to the array with its role and state
 * @param superseded disks whose number is another one's by now: they are none of its members, and
 *     nothing that is said of that number is said of them
 * @param notices what people should know, for example which disks are stale
 */
record AssemblyPlan(
    Superblock freshest,
    ImmutableList<Placed> placed,
    ImmutableList<Candidate> superseded,
    ImmutableList<String> notices) {

  /** A disk and what it is to the array; role -1 for none. */
  record Placed(Candidate candidate, int role, MemberState state) {
    boolean isInSync() {
      return state instanceof MemberState.InSync;
    }
  }

  /**
   * @param run start although members are missing that the freshest superblock expects
   */
  static AssemblyPlan of(List<Candidate> candidates, boolean run) throws ArrayException {
    checkOneArray(candidates);
    Superblock freshest =
        candidates.stream()
            .map(Candidate::superblock)
            .filter(Superblock::isActive)
            .max(Comparator.comparingLong(Superblock::events))
            .orElseThrow(() ->
                ArrayException.failed("none of the disks is an active member, all are spares"));
    List<String> notices = new ArrayList<>();
    List<Placed> placed = new ArrayList<>();
    Set<Candidate> superseded = new HashSet<>();
    for (Candidate candidate : candidates) {
      Placed place;
      if (isSuperseded(candidate, candidates)) {
        place = faulty(candidate, "stale: its number in the array was given to another disk");
        superseded.add(candidate);
      } else {
        place = place(candidate, freshest);
      }
      if (place.state() instanceof MemberState.Faulty faulty) {
        notices.add(candidate.disk() + ": " + faulty.cause());
      }
      placed.add(place);
    }
    settleReplacements(placed);
    checkRoles(placed);
    checkHalves(placed, freshest);
    if (placed.stream().noneMatch(Placed::isInSync)) {
      throw ArrayException.failed(
          "no in-sync member among the disks: " + String.join("; ", notices));
    }
    checkMissing(placed, freshest, run, notices);
    placed.removeIf(place -> superseded.contains(place.candidate()));
    return new AssemblyPlan(
        freshest,
        ImmutableList.copyOf(placed),
        ImmutableList.copyOf(superseded),
        ImmutableList.copyOf(notices));
  }

  private static void checkOneArray(List<Candidate> candidates) throws ArrayException {
    Superblock first = candidates.getFirst().superblock();
    Map<UUID, Candidate> byUuid = new HashMap<>();
    for (Candidate candidate : candidates) {
      Superblock own = candidate.superblock();
      if (!own.setUuid().equals(first.setUuid())) {
        throw ArrayException.failed(
            "members of different arrays: %s belongs to %s (%s), %s to %s (%s)"
                .formatted(
                    candidates.getFirst().disk(),
                    MdUuid.format(first.setUuid()),
                    first.setName(),
                    candidate.disk(),
                    MdUuid.format(own.setUuid()),
                    own.setName()));
      }
      if (own.level() != first.level()
          || own.layout() != first.layout()
          || own.chunksize() != first.chunksize()) {
        throw ArrayException.failed(
            candidate.disk() + ": level, layout or chunk size differ from the other members'");
      }
      Candidate twin = byUuid.put(own.deviceUuid(), candidate);
      if (twin != null) {
        throw ArrayException.failed(
            "%s and %s are copies of one member (device UUID %s); leave one out"
                .formatted(twin.disk(), candidate.disk(), MdUuid.format(own.deviceUuid())));
      }
    }
  }

  private static Placed place(Candidate candidate, Superblock freshest) {
    Superblock own = candidate.superblock();
    int role = freshest.roleOf(own.devNumber());
    boolean roleIsActive = role < freshest.raidDisks();
    if (!hasRoom(candidate, freshest)) {
      return faulty(
          candidate, "it has no room for the array's %d sectors".formatted(freshest.size()));
    }
    if (!own.isActive()) {
      return roleless(candidate, freshest);
    }
    if (!roleIsActive) {
      return faulty(
          candidate,
          "stale: it has events %d, the array went on without it to %d; re-add it"
              .formatted(own.events(), freshest.events()));
    }
    if (own.events() + 1 < freshest.events()) {
      return faulty(
          candidate,
          "stale: it has events %d, the array has %d; re-add it"
              .formatted(own.events(), freshest.events()));
    }
    return new Placed(candidate, role, activeState(own));
  }

  /**
   * A disk that knows of no role of its own. Its number may be another disk's by now, if it was let
   * go of: events decide. Linux leaves spares behind, so of an array that one host uses one without
   * a role stays a spare.
   */
  private static Placed roleless(Candidate candidate, Superblock freshest) {
    Superblock own = candidate.superblock();
    if (Announced.isAnnouncement(own)) {
      return faulty(candidate, "it was to be added, and never was; add it again");
    }
    int role = freshest.roleOf(own.devNumber());
    boolean hasRole = role < freshest.raidDisks();
    if (own.events() + 1 < freshest.events() && (hasRole || freshest.has(Feature.CLUSTERED))) {
      return faulty(
          candidate,
          "stale: it is a spare with events %d, the array went on without it to %d; add it again"
              .formatted(own.events(), freshest.events()));
    }
    return hasRole
        ? new Placed(candidate, role, activated(role, freshest))
        : new Placed(candidate, -1, new MemberState.Spare());
  }

  private static boolean hasRoom(Candidate candidate, Superblock freshest) {
    long sectors = candidate.metadata().deviceSectors() - candidate.superblock().dataOffset();
    return freshest.size() <= sectors;
  }

  /** A spare that was given a role and did not hear of it any more: it holds no data. */
  static MemberState activated(int role, Superblock freshest) {
    long holders = freshest.devRoles().stream().filter(r -> r == role).count();
    return new MemberState.Recovering(0, false, holders > 1);
  }

  /** Whether a fresher disk has the same number: this one was away when it was given. */
  private static boolean isSuperseded(Candidate candidate, List<Candidate> all) {
    Superblock own = candidate.superblock();
    return all.stream()
        .map(Candidate::superblock)
        .anyMatch(other ->
            other.devNumber() == own.devNumber()
                && other.events() > own.events()
                && !other.deviceUuid().equals(own.deviceUuid()));
  }

  /** What a member that has a role says of its own data. */
  static MemberState activeState(Superblock own) {
    boolean unfinished =
        own.has(Feature.RECOVERY_OFFSET)
            && Long.compareUnsigned(own.recoveryOffset(), own.size()) < 0;
    boolean replacement = own.has(Feature.REPLACEMENT);
    if (!unfinished && !replacement) {
      return new MemberState.InSync();
    }
    long offset = unfinished ? own.recoveryOffset() : own.size();
    boolean byBitmap = unfinished && own.has(Feature.RECOVERY_BITMAP);
    return new MemberState.Recovering(byBitmap ? 0 : offset, byBitmap, replacement);
  }

  private static Placed faulty(Candidate candidate, String cause) {
    return new Placed(candidate, -1, new MemberState.Faulty(cause));
  }

  /** A replacement whose original is not there is a member like any other. */
  private static void settleReplacements(List<Placed> placed) {
    placed.replaceAll(place -> {
      if (!(place.state() instanceof MemberState.Recovering r) || !r.replacement()) {
        return place;
      }
      boolean original =
          placed.stream()
              .anyMatch(other ->
                  other.role() == place.role()
                      && other.state().receives()
                      && !(other.state() instanceof MemberState.Recovering o && o.replacement()));
      if (original) {
        return place;
      }
      long size = place.candidate().superblock().size();
      return new Placed(
          place.candidate(),
          place.role(),
          r.recoveryOffset() >= size
              ? new MemberState.InSync()
              : new MemberState.Recovering(r.recoveryOffset(), r.byBitmap(), false));
    });
  }

  private static void checkRoles(List<Placed> placed) throws ArrayException {
    Map<Integer, Placed> holders = new HashMap<>();
    for (Placed place : placed) {
      boolean replacement = place.state() instanceof MemberState.Recovering r && r.replacement();
      if (place.role() < 0 || replacement) {
        continue;
      }
      Placed twin = holders.put(place.role(), place);
      if (twin != null) {
        throw ArrayException.failed(
            "%s and %s both claim role %d; leave one out"
                .formatted(twin.candidate().disk(), place.candidate().disk(), place.role()));
      }
    }
  }

  /**
   * Refuses two groups of members that each went on without the other: both may hold acknowledged
   * writes, and no counter can tell which are wanted.
   */
  private static void checkHalves(List<Placed> placed, Superblock freshest) throws ArrayException {
    String current =
        placed.stream()
            .filter(Placed::isInSync)
            .map(place -> place.candidate().disk())
            .collect(joining(", "));
    Set<Candidate> connected = connected(placed);
    for (Placed place : placed) {
      Superblock own = place.candidate().superblock();
      boolean wentOnAlone = own.isActive() && !connected.contains(place.candidate());
      if (wentOnAlone) {
        throw ArrayException.refused(
            ("%s (events %d) and %s (events %d) each went on without the other, so both may hold"
                    + " newer data and cannot be merged; decide whose data counts, assemble that"
                    + " side alone with --run, zero-superblock the other and add it")
                .formatted(place.candidate().disk(), own.events(), current, freshest.events()));
      }
      boolean sameEventsOtherRoles =
          place.role() >= 0 && own.events() == freshest.events() && !sameRoles(own, freshest);
      if (sameEventsOtherRoles) {
        throw ArrayException.refused(
            ("%s has the same events (%d) as the other members but other roles: its superblock was"
                    + " not written by the array as the others know it; assemble one side with --run")
                .formatted(place.candidate().disk(), own.events()));
      }
    }
  }

  /**
   * Whoever is in use, and those whom one of them may have left behind: a member is only ever left
   * behind by another one that it knew, so one that knows none went on by itself. A member that is
   * not at hand gets the benefit of the doubt.
   */
  private static Set<Candidate> connected(List<Placed> placed) {
    Set<Candidate> connected = new HashSet<>();
    Set<Integer> strangers = new HashSet<>();
    for (Placed place : placed) {
      strangers.add(place.candidate().superblock().devNumber());
    }
    boolean grown = true;
    while (grown) {
      grown = false;
      for (Placed place : placed) {
        Superblock own = place.candidate().superblock();
        boolean inUse = !(place.state() instanceof MemberState.Faulty);
        if ((inUse || otherMembers(own).anyMatch(number -> !strangers.contains(number)))
            && connected.add(place.candidate())) {
          strangers.remove(own.devNumber());
          grown = true;
        }
      }
    }
    return connected;
  }

  /** The numbers of the members that a superblock tells of beside its own disk. */
  private static IntStream otherMembers(Superblock own) {
    return IntStream.range(0, own.devRoles().length())
        .filter(number -> number != own.devNumber() && own.roleOf(number) < own.raidDisks());
  }

  /**
   * Whether a disk that left an array may have gone on by itself since: the array that its
   * superblock tells of had nobody else, or nobody in the roles that are in sync now.
   */
  static boolean wentOnWithout(Superblock own, Set<Integer> rolesNow) {
    Set<Integer> others = otherMembers(own).map(own::roleOf).boxed().collect(toSet());
    return others.isEmpty()
        || (!rolesNow.contains(own.role()) && Collections.disjoint(others, rolesNow));
  }

  private static boolean sameRoles(Superblock one, Superblock other) {
    int length = Math.max(one.devRoles().length(), other.devRoles().length());
    for (int number = 0; number < length; number++) {
      if (one.roleOf(number) != other.roleOf(number)) {
        return false;
      }
    }
    return true;
  }

  private static void checkMissing(
      List<Placed> placed, Superblock freshest, boolean run, List<String> notices)
      throws ArrayException {
    Set<Integer> present = new HashSet<>();
    placed.stream()
        .filter(place -> place.role() >= 0)
        .forEach(place -> present.add(place.candidate().superblock().devNumber()));
    List<String> missing = new ArrayList<>();
    for (int number = 0; number < freshest.devRoles().length(); number++) {
      int role = freshest.roleOf(number);
      if (role < freshest.raidDisks() && !present.contains(number)) {
        missing.add("role " + role);
      }
    }
    if (missing.isEmpty()) {
      return;
    }
    String which = String.join(", ", missing);
    if (!run) {
      throw ArrayException.refused(
          ("%d of %d members are missing or stale (%s); --run starts the array without them, if no"
                  + " other node has it in use, and what only they hold is lost when they come back%s")
              .formatted(
                  missing.size(),
                  freshest.raidDisks(),
                  which,
                  notices.isEmpty() ? "" : " (" + String.join("; ", notices) + ")"));
    }
    notices.add("started without " + which);
  }
}
