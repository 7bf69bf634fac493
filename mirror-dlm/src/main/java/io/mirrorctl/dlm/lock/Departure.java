package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Op;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Gives up all locks of a member that leaves, some at a time. */
final class Departure {
  private static final int BATCH = 32;

  private final LockspaceMember member;
  private final List<HeldLock> locks;
  private final Runnable done;

  Departure(LockspaceMember member, List<HeldLock> locks, Runnable done) {
    this.member = member;
    this.locks = locks.stream().filter(lock -> lock.record().wasRead()).toList();
    this.done = done;
  }

  void start() {
    unlock(0);
  }

  private void unlock(int from) {
    if (from >= locks.size()) {
      done.run();
    } else {
      member.whenReady(() -> read(from, locks.subList(from, Math.min(locks.size(), from + BATCH))));
    }
  }

  private void read(int from, List<HeldLock> batch) {
    int[] left = {batch.size()};
    for (HeldLock lock : batch) {
      lock.record().doubt();
      lock.record()
          .read(() -> {
            if (--left[0] == 0) {
              member.whenReady(() -> commit(from, batch));
            }
          });
    }
  }

  private void commit(int from, List<HeldLock> batch) {
    List<Op> ops = new ArrayList<>();
    ops.add(member.standing().check());
    ops.add(member.viewCheck());
    for (HeldLock lock : batch) {
      LockRecord record = lock.record().content();
      LockRecord without =
          GrantQueue.apply(
                  record,
                  member.owner(),
                  member.nextRequest(),
                  new LockOp.Unlock(Optional.empty()),
                  member.wallMillis())
              .record();
      if (!without.equals(record)) {
        ops.add(Attempt.write(lock.record(), without.at(member.generation())));
      }
    }
    if (ops.size() == 2) {
      unlock(from + BATCH);
      return;
    }
    member.answered(
        member.store().commit(ops),
        result -> {
          switch (result) {
            case CommitResult.Committed _ -> unlock(from + BATCH);
            case CommitResult.Refused refused when refused.index() == 0 ->
                member.overturned("leaving lockspace " + member.name() + " was refused");
            case CommitResult.Refused refused -> {
              if (refused.index() == 1) {
                member.viewMoved();
              }
              unlock(from);
            }
          }
        },
        () -> unlock(from));
  }
}
