package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Op;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;

/** Changes the view by compare-and-set, until it is changed or needs no change. */
final class ViewChange {
  private final LockspaceMember member;
  private final ViewFollower follower;
  private final Function<ViewRecord, Optional<ViewRecord>> change;
  private final Consumer<ViewRecord> done;
  private final List<Tracked<LockRecord>> zeroed = new ArrayList<>();

  /**
   * @param change what is to follow the view; empty if it is as it should be
   * @param done told the view that is as it should be
   */
  ViewChange(
      LockspaceMember member,
      ViewFollower follower,
      Function<ViewRecord, Optional<ViewRecord>> change,
      Consumer<ViewRecord> done) {
    this.member = member;
    this.follower = follower;
    this.change = change;
    this.done = done;
  }

  /** In the same commit the value blocks of these resources become zero and valid. */
  ViewChange zeroing(Set<String> resources) {
    for (String resource : resources) {
      zeroed.add(
          new Tracked<>(
              member, member.paths().resource(resource), LockRecordCodec::decode, LockRecord.NEW));
    }
    return this;
  }

  void start() {
    member.whenReady(() -> read(0));
  }

  private void read(int index) {
    if (index == zeroed.size()) {
      member.whenReady(this::commit);
    } else if (zeroed.get(index).isFresh()) {
      read(index + 1);
    } else {
      zeroed.get(index).read(() -> read(index + 1));
    }
  }

  private void commit() {
    ViewRecord now = follower.now();
    Optional<ViewRecord> next = change.apply(now);
    if (next.isEmpty()) {
      done.accept(now);
      follower.accept();
      return;
    }
    List<Op> ops = new ArrayList<>();
    ops.add(member.standing().check());
    int version = follower.tracked().version();
    ops.add(new Op.Put(follower.tracked().path(), ViewRecordCodec.encode(next.get()), version));
    for (Tracked<LockRecord> tracked : zeroed) {
      LockRecord record = tracked.content();
      if (tracked.version() != Tracked.ABSENT) {
        ops.add(
            Attempt.write(
                tracked,
                new LockRecord(next.get().generation(), ValueBlock.ZERO, record.entries())));
      }
    }
    member.answered(
        member.store().commit(ops), result -> answered(result, next.get()), this::unknown);
  }

  private void answered(CommitResult result, ViewRecord next) {
    switch (result) {
      case CommitResult.Committed _ -> {
        follower.wrote(next);
        done.accept(next);
        follower.accept();
      }
      case CommitResult.Refused refused when refused.index() == 0 ->
          member.overturned("a change of lockspace " + member.name() + " was refused");
      case CommitResult.Refused refused -> {
        if (refused.index() == 1) {
          follower.look();
        } else {
          zeroed.forEach(Tracked::doubt);
        }
        start();
      }
    }
  }

  private void unknown() {
    zeroed.forEach(Tracked::doubt);
    follower.look();
    start();
  }
}
