package io.mirrorctl.dlm.lock;

import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * Purges the locks of members that are gone: freezes the lockspace by a commit of its view,
 * rewrites the records in which they stand, thaws it. Whoever freezes it goes on at once; another
 * member goes on in its place when the view stands still for too long. All of it may be done twice.
 */
final class Recovery {
  private static final int BATCH = 32;
  private static final Duration PATIENCE = Duration.ofMillis(500);
  private static final Duration PATIENCE_PER_SLOT = Duration.ofMillis(50);
  private static final int NONE = Integer.MIN_VALUE;

  private final LockspaceMember member;
  private final ViewFollower follower;
  private Optional<Loop.Timer> timer = Optional.empty();

  /** Version of the view that this node wrote to freeze the lockspace. */
  private int frozenByUs = NONE;

  /** Version of the view for which work is under way. */
  private int working = NONE;

  Recovery(LockspaceMember member, ViewFollower follower) {
    this.member = member;
    this.follower = follower;
  }

  void stop() {
    timer.ifPresent(Loop.Timer::cancel);
    timer = Optional.empty();
    working = NONE;
  }

  /** Does what the view, as it is known now, asks for. */
  void step() {
    int version = follower.tracked().version();
    if (version == Tracked.ABSENT || version == working) {
      return;
    }
    stop();
    ViewRecord now = follower.now();
    Set<Integer> dead = now.dead(member::isGone);
    if (!dead.equals(now.dying())) {
      freeze(now.recovering(dead), version);
    } else if (now.isRecovering()) {
      if (version == frozenByUs) {
        purge(version);
      } else {
        Duration wait = PATIENCE.plus(PATIENCE_PER_SLOT.multipliedBy(member.rank()));
        timer = Optional.of(member.loop().after(wait, () -> goOnInPlaceOfAnother(version)));
      }
    }
  }

  private void goOnInPlaceOfAnother(int version) {
    if (!member.isEnded() && isStill(version)) {
      purge(version);
    }
  }

  private boolean isStill(int version) {
    return follower.tracked().version() == version;
  }

  private void freeze(ViewRecord next, int version) {
    working = version;
    commit(
        version,
        List.of(new Op.Put(follower.tracked().path(), ViewRecordCodec.encode(next), version)),
        () -> {
          frozenByUs = version + 1;
          follower.wrote(next);
          follower.accept();
        },
        this::seeAgain);
  }

  private void purge(int version) {
    working = version;
    member.answered(
        member.store().children(member.paths().locks()),
        names -> purge(version, names.stream().sorted().toList(), 0));
  }

  private void purge(int version, List<String> names, int from) {
    if (!isStill(version)) {
      return;
    }
    if (from >= names.size()) {
      thaw(version);
      return;
    }
    int end = Math.min(names.size(), from + BATCH);
    Map<String, CompletableFuture<Optional<Entry>>> reads = new LinkedHashMap<>();
    for (String name : names.subList(from, end)) {
      String path = member.paths().resource(name);
      reads.put(path, member.store().read(path));
    }
    member.answered(
        CompletableFuture.allOf(reads.values().toArray(CompletableFuture[]::new)),
        _ ->
            rewrite(
                version,
                reads,
                () -> purge(version, names, from),
                () -> purge(version, names, end)));
  }

  private void rewrite(
      int version,
      Map<String, CompletableFuture<Optional<Entry>>> reads,
      Runnable again,
      Runnable next) {
    if (!isStill(version)) {
      return;
    }
    ViewRecord now = follower.now();
    List<Op> ops = new ArrayList<>();
    ops.add(new Op.Check(follower.tracked().path(), version));
    for (Map.Entry<String, CompletableFuture<Optional<Entry>>> read : reads.entrySet()) {
      Entry entry = read.getValue().join().orElseThrow();
      try {
        LockRecord record = LockRecordCodec.decode(entry.data());
        LockRecord purged = GrantQueue.purge(record, now::isDying, member.wallMillis());
        if (!purged.equals(record)) {
          LockRecord stamped = purged.at(now.generation() + 1);
          ops.add(new Op.Put(read.getKey(), LockRecordCodec.encode(stamped), entry.version()));
        }
      } catch (MalformedRecordException e) {
        member.halt("%s: %s".formatted(read.getKey(), e.getMessage()));
        return;
      }
    }
    if (ops.size() == 1) {
      next.run();
    } else {
      commit(version, ops, next, again);
    }
  }

  private void thaw(int version) {
    ViewRecord next = follower.now().recovered();
    commit(
        version,
        List.of(new Op.Put(follower.tracked().path(), ViewRecordCodec.encode(next), version)),
        () -> {
          working = NONE;
          follower.wrote(next);
          follower.accept();
        },
        this::seeAgain);
  }

  private void seeAgain() {
    working = NONE;
    follower.look();
  }

  /**
   * Commits with the check of our standing in front.
   *
   * @param ops the first is about the view
   * @param again when it is not known whether it was done, or a record was not as it was read
   */
  private void commit(int version, List<Op> ops, Runnable done, Runnable again) {
    List<Op> all = new ArrayList<>();
    all.add(member.standing().check());
    all.addAll(ops);
    member.answered(
        member.store().commit(all),
        result -> {
          if (!isStill(version)) {
            return;
          }
          switch (result) {
            case CommitResult.Committed _ -> done.run();
            case CommitResult.Refused refused when refused.index() == 0 ->
                member.overturned("a purge of lockspace " + member.name() + " was refused");
            case CommitResult.Refused refused when refused.index() == 1 -> seeAgain();
            case CommitResult.Refused _ -> again.run();
          }
        },
        again);
  }
}
