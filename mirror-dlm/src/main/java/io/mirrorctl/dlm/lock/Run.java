package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.lock.LockRecord.Entry;
import io.mirrorctl.dlm.lock.LockRecord.State;
import io.mirrorctl.dlm.store.CommitResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * Works of several locks on their way to their grants: worked out from the records as they are
 * known, committed, and worked out again when a record, the view, or the connection was not as
 * thought.
 */
final class Run {
  /** So many refusals in a row are chance; after more of them the nodes stop running in step. */
  private static final int REFUSALS_AT_ONCE = 8;

  private static final int MOST_WAIT_MILLIS = 16;

  /** Full records of so many resources fit into one commit. */
  static final int MOST_IN_ONE_COMMIT = 32;

  /**
   * One operation of one lock.
   *
   * @param id rises with every work of this member
   */
  record Work(HeldLock lock, LockOp op, long id) {}

  private final LockspaceMember member;
  private final List<Work> works;
  private final Set<HeldLock> locks = new LinkedHashSet<>();
  private final List<Grant> grants = new ArrayList<>();
  private final CompletableFuture<RunOutcome> outcome = new CompletableFuture<>();
  private Optional<Attempt> committing = Optional.empty();
  private Optional<Attempt> unresolved = Optional.empty();
  private OptionalLong cancel = OptionalLong.empty();
  private Optional<LockOutcome> abandoned = Optional.empty();
  private int next;
  private int refusals;
  private boolean queued;
  private boolean ended;

  Run(LockspaceMember member, List<Work> works) {
    this.member = member;
    this.works = works;
    works.forEach(work -> locks.add(work.lock()));
    locks.forEach(lock -> lock.begin(this));
  }

  CompletableFuture<RunOutcome> outcome() {
    return outcome;
  }

  boolean isCommitting(HeldLock lock) {
    return committing.isPresent() && committing.get().changes(lock);
  }

  boolean isCommitting() {
    return committing.isPresent();
  }

  /** Whether the lock's request queues, as far as is known. */
  boolean waitsFor(HeldLock lock) {
    return queued && works.get(next).lock() == lock;
  }

  void start() {
    member.whenReady(this::plan);
  }

  void cancel() {
    if (ended || cancel.isPresent() || isUnlock()) {
      return;
    }
    cancel = OptionalLong.of(member.nextRequest());
    if (queued && committing.isEmpty()) {
      start();
    } else if (committing.isEmpty() && unresolved.isEmpty()) {
      end(new LockOutcome.Cancelled());
    }
  }

  private boolean isUnlock() {
    return works.getFirst().op() instanceof LockOp.Unlock;
  }

  /** Ends the run, once what is under way is answered. */
  void abandon(LockOutcome with) {
    abandoned = Optional.of(with);
    if (committing.isEmpty()) {
      end(with);
    }
  }

  private void plan() {
    if (ended || committing.isPresent()) {
      return;
    }
    List<HeldLock> unread =
        nextWorks().stream()
            .map(Work::lock)
            .distinct()
            .filter(lock -> !lock.record().isFresh())
            .toList();
    if (!unread.isEmpty()) {
      int[] left = {unread.size()};
      for (HeldLock lock : unread) {
        lock.record()
            .read(() -> {
              if (--left[0] == 0) {
                member.whenReady(this::plan);
              }
            });
      }
      return;
    }
    if (unresolved.isPresent()) {
      Attempt lost = unresolved.get();
      unresolved = Optional.empty();
      if (lost.isShown()) {
        settle(lost);
        return;
      }
    }
    if (cancel.isPresent() && !queued) {
      end(new LockOutcome.Cancelled());
      return;
    }
    Attempt attempt = new Attempt(member, queued ? List.of(cancellation()) : nextWorks());
    if (attempt.isDone()) {
      settle(attempt);
    } else {
      commit(attempt);
    }
  }

  private List<Work> nextWorks() {
    return works.subList(next, Math.min(works.size(), next + MOST_IN_ONE_COMMIT));
  }

  private Work cancellation() {
    return new Work(works.get(next).lock(), new LockOp.Cancel(), cancel.orElseThrow());
  }

  private void commit(Attempt attempt) {
    attempt.wantWatches();
    committing = Optional.of(attempt);
    member.answered(
        member.store().commit(attempt.ops()),
        result -> {
          committing = Optional.empty();
          switch (result) {
            case CommitResult.Committed _ -> {
              attempt.wrote();
              refusals = 0;
              settle(attempt);
            }
            case CommitResult.Refused refused -> refused(refused);
          }
        },
        () -> {
          committing = Optional.empty();
          unresolved = Optional.of(attempt);
          locks.forEach(lock -> lock.record().doubt());
          goOn();
        });
  }

  private void refused(CommitResult.Refused refused) {
    switch (refused.index()) {
      case 0 -> {
        member.overturned(
            "a request for lock %s was refused".formatted(works.get(next).lock().resource()));
        return;
      }
      case 1 -> member.viewMoved();
      default -> {
        refusals++;
        locks.forEach(lock -> lock.record().doubt());
      }
    }
    goOn();
  }

  private void goOn() {
    if (abandoned.isPresent()) {
      end(abandoned.get());
    } else if (refusals > REFUSALS_AT_ONCE) {
      int millis = member.random().nextInt(MOST_WAIT_MILLIS);
      member.loop().after(Duration.ofMillis(millis), () -> member.guarded(this::start));
    } else {
      start();
    }
  }

  private void settle(Attempt attempt) {
    queued =
        switch (attempt.last()) {
          case QUEUED -> true;
          case NOT_QUEUED -> queued;
          default -> false;
        };
    granted(attempt.grants());
    switch (attempt.last()) {
      case GRANTED -> {
        if (next == works.size()) {
          end(new LockOutcome.Granted(grants.getLast()));
        } else {
          start();
        }
      }
      case BUSY -> end(new LockOutcome.Busy());
      case DEADLOCK -> end(new LockOutcome.Deadlock());
      case CANCELLED -> end(new LockOutcome.Cancelled());
      case RELEASED -> end(new LockOutcome.Released());
      case QUEUED, NOT_QUEUED -> {}
    }
    if (abandoned.isPresent()) {
      end(abandoned.get());
    } else if (queued && cancel.isPresent() && attempt.last() == GrantQueue.Outcome.QUEUED) {
      start();
    }
    attempt.locks().forEach(HeldLock::follow);
    if (queued) {
      works.get(next).lock().follow();
    }
  }

  /** A lock that was granted a mode may wait for the next one already, and then keeps its watch. */
  private void granted(List<Grant> now) {
    int first = next;
    next += now.size();
    grants.addAll(now);
    for (int i = 0; i < now.size(); i++) {
      works.get(first + i).lock().holds(now.get(i).mode());
    }
  }

  /** The record of a lock is known anew: was its request granted? */
  void look(HeldLock lock) {
    if (ended || committing.isPresent() || unresolved.isPresent() || !waitsFor(lock)) {
      return;
    }
    Optional<Entry> entry = lock.record().content().of(member.owner());
    if (entry.isEmpty() || entry.get().request() != works.get(next).id()) {
      member.overturned(
          "the request of %s for lock %s is gone from its record"
              .formatted(member.owner(), lock.resource()));
    } else if (entry.get().state() instanceof State.Granted) {
      queued = false;
      granted(List.of(Attempt.grant(lock.record().content(), lock.record().version(), member)));
      if (next == works.size()) {
        end(new LockOutcome.Granted(grants.getLast()));
      } else if (cancel.isPresent()) {
        end(new LockOutcome.Cancelled());
      } else {
        start();
      }
    }
  }

  void end(LockOutcome last) {
    if (ended) {
      return;
    }
    ended = true;
    queued = false;
    locks.forEach(HeldLock::finish);
    member.ended(this);
    if (last instanceof LockOutcome.Released) {
      locks.forEach(member::forget);
    }
    outcome.complete(new RunOutcome(grants, last));
    locks.forEach(HeldLock::follow);
  }
}
