package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.lock.LockRecord.Entry;
import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.Op;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What one commit is to do for a run: worked out from the records as they are known. */
final class Attempt {
  private final LockspaceMember member;
  private final Map<HeldLock, LockRecord> changed = new LinkedHashMap<>();
  private final Map<HeldLock, Run.Work> lastWork = new HashMap<>();
  private final List<Grant> grants = new ArrayList<>();
  private Optional<HeldLock> refused = Optional.empty();
  private GrantQueue.Outcome last = GrantQueue.Outcome.GRANTED;

  Attempt(LockspaceMember member, List<Run.Work> works) {
    this.member = member;
    for (Run.Work work : works) {
      if (last != GrantQueue.Outcome.GRANTED) {
        break;
      }
      add(work);
    }
    long generation = member.generation();
    changed.replaceAll((_, record) -> record.at(generation));
  }

  private void add(Run.Work work) {
    HeldLock lock = work.lock();
    LockRecord before = changed.getOrDefault(lock, lock.record().content());
    GrantQueue.Result result =
        GrantQueue.apply(before, member.owner(), work.id(), work.op(), member.wallMillis());
    last = result.outcome();
    if (!result.record().equals(before)) {
      changed.put(lock, result.record());
      lastWork.put(lock, work);
    }
    switch (last) {
      case GRANTED -> grants.add(grant(result.record(), lock.record().version() + 1, member));
      case BUSY, DEADLOCK -> refused = Optional.of(lock);
      default -> {}
    }
  }

  /** What the owner reads with a grant that the record shows. */
  static Grant grant(LockRecord record, long version, LockspaceMember member) {
    Owner owner = member.owner();
    LockMode mode = record.of(owner).orElseThrow().state().heldMode().orElseThrow();
    Map<Integer, Bytes> notes = new HashMap<>();
    for (Entry entry : record.entries()) {
      if (!entry.owner().equals(owner) && entry.note().size() > 0) {
        notes.put(entry.owner().slot(), entry.note());
      }
    }
    return new Grant(mode, record.value(), member.generation(), version, notes);
  }

  List<Grant> grants() {
    return grants;
  }

  /** Outcome of the last work that was tried. */
  GrantQueue.Outcome last() {
    return last;
  }

  Iterable<HeldLock> locks() {
    return changed.keySet();
  }

  boolean changes(HeldLock lock) {
    return changed.containsKey(lock);
  }

  /** Whether there is nothing to commit: the records show the outcome already. */
  boolean isDone() {
    return changed.isEmpty() && refused.isEmpty();
  }

  /** Watches that the outcome will need, asked for before the commit so that nothing is missed. */
  void wantWatches() {
    changed.forEach((lock, record) -> {
      LockRecord.State state =
          record
              .of(member.owner())
              .<LockRecord.State>map(Entry::state)
              .orElse(new LockRecord.State.Granted(LockMode.NL));
      boolean queues = state.wantedMode().isPresent();
      boolean mayBlock =
          lock.hasBlockingCallback() && !state.equals(new LockRecord.State.Granted(LockMode.NL));
      boolean mayBeWaitedFor =
          lock.isContended() && state.heldMode().filter(GrantQueue::isWriting).isPresent();
      lock.changes();
      if (queues || mayBlock || mayBeWaitedFor) {
        lock.watching().want();
      }
    });
  }

  /** The checks of our standing and of the view, then the records. */
  List<Op> ops() {
    List<Op> ops = new ArrayList<>();
    ops.add(member.standing().check());
    ops.add(member.viewCheck());
    changed.forEach((lock, record) -> ops.add(write(lock.record(), record)));
    refused
        .filter(lock -> !changes(lock))
        .ifPresent(lock -> ops.add(new Op.Check(lock.record().path(), lock.record().version())));
    return ops;
  }

  static Op write(Tracked<LockRecord> tracked, LockRecord record) {
    Bytes bytes = LockRecordCodec.encode(record);
    return tracked.version() == Tracked.ABSENT
        ? new Op.Create(tracked.path(), bytes, Op.Life.PERSISTENT)
        : new Op.Put(tracked.path(), bytes, tracked.version());
  }

  /** The commit was done. */
  void wrote() {
    changed.forEach((lock, record) -> lock.record().wrote(record));
  }

  /**
   * Whether the records, read again, show that this was done though its answer was lost. All of it
   * is one commit, so any record tells; another commit of this owner cannot have come after it. One
   * of checks alone leaves nothing to see, and is made again.
   */
  boolean isShown() {
    if (lastWork.isEmpty()) {
      return false;
    }
    Map.Entry<HeldLock, Run.Work> one = lastWork.entrySet().iterator().next();
    Optional<Entry> entry = one.getKey().record().content().of(member.owner());
    return switch (one.getValue().op()) {
      case LockOp.Unlock _ -> entry.isEmpty();
      case LockOp.Cancel _ -> entry.isEmpty() || entry.get().request() == one.getValue().id();
      case LockOp.Ask _ -> entry.isPresent() && entry.get().request() == one.getValue().id();
    };
  }
}
