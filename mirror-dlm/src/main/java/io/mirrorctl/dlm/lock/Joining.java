package io.mirrorctl.dlm.lock;

import com.google.common.collect.Sets;
import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Op;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** A node on its way into a lockspace. */
final class Joining {
  private static final Duration PURGE_RETRY = Duration.ofMillis(50);

  private final LockspaceMember member;
  private final ViewFollower follower;
  private final LockspaceSettings settings;
  private final int node;
  private final long incarnation;

  Joining(LockspaceMember member, ViewFollower follower, LockspaceSettings settings) {
    this.member = member;
    this.follower = follower;
    this.settings = settings;
    this.node = member.standing().node();
    this.incarnation = member.standing().incarnation();
  }

  void start() {
    member.whenReady(this::step);
  }

  private void step() {
    ViewRecord now = follower.now();
    if (follower.tracked().version() == Tracked.ABSENT) {
      found(now.joined(0, node, incarnation));
      return;
    }
    Optional<JoinOutcome> refusal = refusal(now);
    if (refusal.isPresent()) {
      member.notJoined(refusal.get());
      return;
    }
    new ViewChange(member, follower, this::next, this::done).start();
  }

  private Optional<JoinOutcome> refusal(ViewRecord now) {
    if (now.slots().size() != settings.slots()) {
      return Optional.of(
          new JoinOutcome.Mismatch(
              "slots", Integer.toString(settings.slots()), Integer.toString(now.slots().size())));
    }
    Map<String, String> ours = settings.parameters();
    Map<String, String> theirs = now.parameters();
    return Sets.union(ours.keySet(), theirs.keySet()).stream()
        .filter(name -> !ours.getOrDefault(name, "").equals(theirs.getOrDefault(name, "")))
        .sorted()
        .findFirst()
        .map(name ->
            new JoinOutcome.Mismatch(
                name, ours.getOrDefault(name, ""), theirs.getOrDefault(name, "")));
  }

  private Optional<ViewRecord> next(ViewRecord now) {
    OptionalInt free = place(now);
    return now.slotOf(incarnation).isPresent() || free.isEmpty()
        ? Optional.empty()
        : Optional.of(now.joined(free.getAsInt(), node, incarnation));
  }

  /**
   * If nobody is there who could take a slot over, and none is free, a slot that waits for it: what
   * its last member left is this node's own then.
   */
  private static OptionalInt place(ViewRecord now) {
    OptionalInt free = now.lowestFree();
    List<SlotState> slots = now.slots();
    boolean abandoned = slots.stream().allMatch(SlotState.NeedsTakeover.class::isInstance);
    return abandoned ? OptionalInt.of(0) : free;
  }

  private void done(ViewRecord now) {
    OptionalInt slot = now.slotOf(incarnation);
    if (slot.isEmpty() && !now.dead(member::isGone).isEmpty()) {
      // their purge is on its way
      var _ = member.loop().after(PURGE_RETRY, this::again);
      return;
    }
    if (slot.isEmpty()) {
      long members = now.slots().stream().filter(SlotState.Member.class::isInstance).count();
      member.notJoined(new JoinOutcome.Full((int) members, now.slots().size() - (int) members));
      return;
    }
    long generation =
        now.log().stream()
            .filter(event -> event.kind() == ViewRecord.Kind.JOINED)
            .filter(event -> event.incarnation() == incarnation)
            .mapToLong(ViewRecord.Event::generation)
            .max()
            .orElse(now.generation());
    member.joined(slot.getAsInt(), generation);
  }

  /** Makes the lockspace, this node in its first slot. */
  private void found(ViewRecord first) {
    Paths paths = member.paths();
    List<Op> ops =
        List.of(
            member.standing().check(),
            create(paths.home(), Bytes.EMPTY),
            create(paths.locks(), Bytes.EMPTY),
            create(paths.view(), ViewRecordCodec.encode(first)));
    member.answered(
        member.store().commit(ops),
        result -> {
          switch (result) {
            case CommitResult.Committed _ -> {
              follower.wrote(first);
              done(first);
              follower.accept();
            }
            case CommitResult.Refused refused when refused.index() == 0 ->
                member.overturned("joining lockspace " + member.name() + " was refused");
            case CommitResult.Refused refused
                when refused.reason() == CommitResult.Reason.NO_ENTRY ->
                parent();
            case CommitResult.Refused _ -> again();
          }
        },
        this::again);
  }

  /** Makes the parent of all lockspaces, if nobody was faster. */
  private void parent() {
    member.answered(
        member.store().commit(List.of(member.standing().check(), create(Paths.ALL, Bytes.EMPTY))),
        _ -> again(),
        this::again);
  }

  private void again() {
    follower.look();
    start();
  }

  private static Op create(String path, Bytes data) {
    return new Op.Create(path, data, Op.Life.PERSISTENT);
  }
}
