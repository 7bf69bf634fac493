package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.lock.LockRecord.Entry;
import io.mirrorctl.dlm.lock.LockRecord.State;
import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.StoreException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** A lock and what this node knows of its resource. */
final class HeldLock implements Lock {
  private final LockspaceMember member;
  private final String resource;
  private final Optional<BlockingCallback> blocking;
  private final Tracked<LockRecord> record;
  private final Watching watching;
  private volatile Optional<LockMode> granted = Optional.empty();
  private Optional<LockMode> told = Optional.empty();
  private Optional<Run> run = Optional.empty();
  private final List<CompletableFuture<ValueBlock>> reads = new ArrayList<>();
  private boolean contended;
  private boolean closed;

  HeldLock(LockspaceMember member, String resource, Optional<BlockingCallback> blocking) {
    this.member = member;
    this.resource = resource;
    this.blocking = blocking;
    String path = member.paths().resource(resource);
    record = new Tracked<>(member, path, LockRecordCodec::decode, LockRecord.NEW);
    watching = new Watching(member, path, this::changed, this::watchIsInPlace);
  }

  @Override
  public String resource() {
    return resource;
  }

  @Override
  public Optional<LockMode> granted() {
    return granted;
  }

  @Override
  public CompletableFuture<LockOutcome> convert(LockRequest request) {
    return member.run(List.of(new Step(this, request))).thenApply(RunOutcome::last);
  }

  @Override
  public void convert(LockRequest request, Consumer<LockOutcome> done) {
    var _ = convert(request).thenAccept(outcome -> member.tell(() -> done.accept(outcome)));
  }

  @Override
  public void cancel() {
    member.onLoop(() -> run.ifPresent(Run::cancel));
  }

  @Override
  public CompletableFuture<ValueBlock> read() {
    CompletableFuture<ValueBlock> value = new CompletableFuture<>();
    member.onLoop(() -> {
      if (closed || member.isEnded()) {
        value.completeExceptionally(over());
      } else {
        reads.removeIf(CompletableFuture::isDone);
        reads.add(value);
        record.doubt();
        record.read(() -> value.complete(record.content().value()));
      }
    });
    return value;
  }

  private StoreException over() {
    return new StoreException("lock %s of lockspace %s is over".formatted(resource, member.name()));
  }

  @Override
  public CompletableFuture<LockOutcome> unlock() {
    return unlock(Optional.empty());
  }

  @Override
  public CompletableFuture<LockOutcome> unlock(Bytes value) {
    return unlock(Optional.of(value));
  }

  private CompletableFuture<LockOutcome> unlock(Optional<Bytes> value) {
    CompletableFuture<LockOutcome> done = new CompletableFuture<>();
    member.onLoop(() -> unlock(value, done));
    return done;
  }

  private void unlock(Optional<Bytes> value, CompletableFuture<LockOutcome> done) {
    if (run.isPresent()) {
      CompletableFuture<RunOutcome> first = run.get().outcome();
      run.get().cancel();
      var _ = first.thenAccept(_ -> unlock(value, done));
    } else if (closed && !member.isEnded()) {
      done.completeExceptionally(
          new IllegalStateException("lock %s was unlocked".formatted(resource)));
    } else if (value.isPresent() && granted.filter(GrantQueue::isWriting).isEmpty()) {
      done.completeExceptionally(
          new IllegalArgumentException(
              "lock %s holds %s: a value block is written from PW or EX"
                  .formatted(resource, granted)));
    } else {
      var _ =
          member
              .begin(List.of(new Run.Work(this, new LockOp.Unlock(value), member.nextRequest())))
              .thenAccept(outcome -> done.complete(outcome.last()));
    }
  }

  Tracked<LockRecord> record() {
    return record;
  }

  Watching watching() {
    return watching;
  }

  boolean isOf(LockspaceMember other) {
    return member == other;
  }

  boolean isClosed() {
    return closed;
  }

  boolean isBusy() {
    return run.isPresent();
  }

  /** Whether it has to be told when it holds up others. */
  boolean hasBlockingCallback() {
    return blocking.isPresent();
  }

  void begin(Run begun) {
    run = Optional.of(begun);
  }

  /** The mode is held from here on, as far as this node acts. */
  void holds(LockMode mode) {
    granted = Optional.of(mode);
    told = Optional.empty();
    restWatch();
  }

  /**
   * Without a blocking callback a watch is of use only while the lock waits, and while it may be
   * waited for: who then reads that others queue can release by one commit. In PW or EX there is
   * one holder, so that a change wakes no herd.
   */
  private void restWatch() {
    if (blocking.isEmpty() && !isWriting() && !waits()) {
      watching.drop();
    }
  }

  private boolean isWriting() {
    return granted.filter(GrantQueue::isWriting).isPresent();
  }

  /** Whether others waited when it was last held in PW or EX. */
  boolean isContended() {
    return contended;
  }

  /** A commit is about to change its entry in the record as it is known. */
  void changes() {
    if (isWriting()) {
      contended = Blocking.by(member.owner(), record.content()).isPresent();
    }
  }

  /** The run that had the lock is over. */
  void finish() {
    run = Optional.empty();
    restWatch();
  }

  void close() {
    closed = true;
    granted = Optional.empty();
    watching.drop();
    reads.forEach(value -> value.completeExceptionally(over()));
  }

  private void changed() {
    record.changed();
    follow();
  }

  private void watchIsInPlace() {
    if (!isCommitting()) {
      record.doubt();
      follow();
    }
  }

  /** Reads on if something is known to have changed that matters, or sees what is there. */
  void follow() {
    if (isCommitting() || closed) {
      return;
    }
    if (record.isFresh()) {
      look();
    } else if (isCurious()) {
      record.read(this::follow);
    }
  }

  private boolean isCommitting() {
    return run.isPresent() && run.get().isCommitting(this);
  }

  private boolean isCurious() {
    boolean mayBlock =
        blocking.isPresent()
            && granted.isPresent()
            && granted.get() != LockMode.NL
            && told.filter(LockMode.EX::equals).isEmpty();
    boolean mayBeWaitedFor = blocking.isEmpty() && isWriting() && watching.isWanted();
    return waits() || mayBlock || mayBeWaitedFor;
  }

  private boolean waits() {
    return run.isPresent() && run.get().waitsFor(this);
  }

  /** The connection is back; what happened meanwhile was not told. */
  void reconnected() {
    record.doubt();
    follow();
  }

  /** Acts upon what the record shows, unless grants are frozen. */
  void look() {
    if (closed || !record.isFresh() || !member.mayTell(record.content())) {
      return;
    }
    run.ifPresent(current -> current.look(this));
    if (!closed && blocking.isPresent()) {
      tellBlocking();
    }
  }

  private void tellBlocking() {
    Optional<Entry> entry = record.content().of(member.owner());
    if (entry.isEmpty()
        || !(entry.get().state() instanceof State.Granted(LockMode mode))
        || !granted.equals(Optional.of(mode))) {
      return;
    }
    Blocking.by(member.owner(), record.content())
        .map(Blocking.Wanted::mode)
        .filter(wanted -> told.isEmpty() || wanted.compareTo(told.get()) > 0)
        .ifPresent(wanted -> {
          told = Optional.of(wanted);
          member.tell(() -> blocking.get().blocking(wanted));
        });
  }
}
