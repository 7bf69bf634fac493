package io.mirrorctl.dlm.lock;

import com.google.common.base.Preconditions;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.SessionEvent;
import io.mirrorctl.dlm.store.Store;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;

/** Conducts what happens in one lockspace on one node; all of it on the node's loop. */
final class LockspaceMember extends LoopTasks implements Lockspace {

  private enum State {
    JOINING,
    MEMBER,
    LEAVING,
    LEFT,
    HALTED
  }

  private final Node node;
  private final Paths paths;
  private final LockspaceListener listener;
  private final ViewFollower follower;
  private final Map<String, HeldLock> locks = new LinkedHashMap<>();
  private final Set<Run> runs = new LinkedHashSet<>();
  private final List<Runnable> parked = new ArrayList<>();
  private final List<CompletableFuture<LeaveOutcome>> changes = new ArrayList<>();
  private final CompletableFuture<JoinOutcome> joining = new CompletableFuture<>();
  private volatile State state = State.JOINING;
  private volatile Owner owner;
  private volatile String why = "";
  private volatile LockspaceView view = new LockspaceView(0, List.of());
  private Optional<Runnable> whenIdle = Optional.empty();
  private boolean connected = true;
  private long requests;

  LockspaceMember(Node node, String name, LockspaceSettings settings, LockspaceListener listener) {
    super(node.loop());
    this.node = node;
    this.paths = new Paths(name);
    this.listener = listener;
    this.owner = new Owner(0, node.standing().incarnation());
    this.follower = new ViewFollower(this, listener, settings);
  }

  CompletableFuture<JoinOutcome> join(LockspaceSettings settings) {
    onLoop(() -> {
      node.store().onSession(event -> guarded(() -> session(event)));
      follower.start();
      new Joining(this, follower, settings).start();
    });
    return joining;
  }

  // what callers ask for

  @Override
  public String name() {
    return paths.lockspace();
  }

  @Override
  public int slot() {
    return owner.slot();
  }

  @Override
  public LockspaceView view() {
    return view;
  }

  @Override
  public Lock lock(String resource) {
    return open(resource, Optional.empty());
  }

  @Override
  public Lock lock(String resource, BlockingCallback blocking) {
    return open(resource, Optional.of(blocking));
  }

  private HeldLock open(String resource, Optional<BlockingCallback> blocking) {
    Paths.check(resource);
    HeldLock lock = new HeldLock(this, resource, blocking);
    synchronized (locks) {
      if (locks.putIfAbsent(resource, lock) != null) {
        throw new IllegalStateException(
            "lockspace %s: this node has a lock on %s already".formatted(name(), resource));
      }
    }
    return lock;
  }

  @Override
  public CompletableFuture<RunOutcome> run(List<Step> steps) {
    List<Step> copy = List.copyOf(steps);
    CompletableFuture<RunOutcome> outcome = new CompletableFuture<>();
    onLoop(() -> {
      Optional<RuntimeException> wrong =
          over().isEmpty() ? StepCheck.wrong(copy, this) : Optional.empty();
      if (wrong.isPresent()) {
        outcome.completeExceptionally(wrong.get());
        return;
      }
      List<Run.Work> works = new ArrayList<>();
      for (Step step : copy) {
        works.add(
            new Run.Work((HeldLock) step.lock(), new LockOp.Ask(step.request()), nextRequest()));
      }
      var _ = begin(works).thenAccept(outcome::complete);
    });
    return outcome;
  }

  CompletableFuture<RunOutcome> begin(List<Run.Work> works) {
    Optional<LockOutcome> over = over();
    if (over.isPresent()) {
      return CompletableFuture.completedFuture(new RunOutcome(List.of(), over.get()));
    }
    Run run = new Run(this, works);
    runs.add(run);
    run.start();
    return run.outcome();
  }

  private Optional<LockOutcome> over() {
    return switch (state) {
      case JOINING, MEMBER -> Optional.empty();
      case LEAVING, LEFT -> Optional.of(new LockOutcome.Left());
      case HALTED -> Optional.of(new LockOutcome.Halted(why));
    };
  }

  @Override
  public CompletableFuture<LeaveOutcome> leave(Leaving how) {
    CompletableFuture<LeaveOutcome> outcome = new CompletableFuture<>();
    onLoop(() -> {
      if (begin(outcome)) {
        state = State.LEAVING;
        List.copyOf(runs).forEach(run -> run.abandon(new LockOutcome.Left()));
        whenIdle = Optional.of(() -> giveUpLocks(how, outcome));
        seeWhetherIdle();
      }
    });
    return outcome;
  }

  private void giveUpLocks(Leaving how, CompletableFuture<LeaveOutcome> outcome) {
    List<HeldLock> all;
    synchronized (locks) {
      all = List.copyOf(locks.values());
    }
    new Departure(this, all, () -> vacate(how, outcome)).start();
  }

  private void vacate(Leaving how, CompletableFuture<LeaveOutcome> outcome) {
    long incarnation = owner.incarnation();
    new ViewChange(
            this,
            follower,
            now ->
                now.slotOf(incarnation).isPresent()
                    ? Optional.of(now.left(owner.slot(), how))
                    : Optional.empty(),
            now -> {
              if (how == Leaving.CLEAN && waitsForTakeover(now)) {
                overturned("%s was purged while it left".formatted(owner));
              } else {
                stop(State.LEFT);
                outcome.complete(new LeaveOutcome.Done(now.generation()));
              }
            })
        .start();
  }

  private boolean waitsForTakeover(ViewRecord now) {
    return now.slots().get(owner.slot()) instanceof SlotState.NeedsTakeover gone
        && gone.incarnation() == owner.incarnation();
  }

  @Override
  public CompletableFuture<LeaveOutcome> takenOver(int slot, long generation, Set<String> zeroed) {
    zeroed.forEach(Paths::check);
    Preconditions.checkArgument(
        zeroed.size() <= Run.MOST_IN_ONE_COMMIT,
        "at most %s value blocks fit into one commit, not %s",
        Run.MOST_IN_ONE_COMMIT,
        zeroed.size());
    Preconditions.checkElementIndex(slot, view.slots().size(), "slot");
    CompletableFuture<LeaveOutcome> outcome = new CompletableFuture<>();
    onLoop(() -> {
      if (begin(outcome)) {
        new ViewChange(
                this,
                follower,
                now ->
                    now.slots().get(slot) instanceof SlotState.NeedsTakeover gone
                            && gone.generation() == generation
                        ? Optional.of(now.freed(slot))
                        : Optional.empty(),
                now ->
                    loop().execute(() -> outcome.complete(new LeaveOutcome.Done(now.generation()))))
            .zeroing(zeroed)
            .start();
      }
    });
    return outcome;
  }

  private boolean begin(CompletableFuture<LeaveOutcome> outcome) {
    switch (state) {
      case JOINING, MEMBER -> {
        changes.removeIf(CompletableFuture::isDone);
        changes.add(outcome);
        return true;
      }
      case LEAVING, LEFT -> outcome.complete(new LeaveOutcome.Left());
      case HALTED -> outcome.complete(new LeaveOutcome.Halted(why));
    }
    return false;
  }

  @Override
  public void nodesGone() {
    onLoop(() -> {
      if (!isEnded()) {
        node.standing().end().ifPresentOrElse(this::halt, follower::nodesGone);
      }
    });
  }

  @Override
  public CompletableFuture<LockTable> table() {
    return new LockTableReader(node.store(), paths).read();
  }

  // what the parts ask for

  Store store() {
    return node.store();
  }

  Standing standing() {
    return node.standing();
  }

  Paths paths() {
    return paths;
  }

  Owner owner() {
    return owner;
  }

  RandomGenerator random() {
    return node.env().random();
  }

  long wallMillis() {
    return node.env().wallClock().millis();
  }

  long nextRequest() {
    return ++requests;
  }

  long generation() {
    return follower.now().generation();
  }

  Op viewCheck() {
    return new Op.Check(paths.view(), follower.tracked().version());
  }

  void viewMoved() {
    follower.look();
  }

  /** How many members stand before this one when work has to be taken over. */
  int rank() {
    return isJoined() ? owner.slot() : LockspaceSettings.MAX_SLOTS;
  }

  boolean isGone(long incarnation) {
    return incarnation != owner.incarnation() && node.standing().isGone(incarnation);
  }

  boolean isLeaving() {
    return state == State.LEAVING;
  }

  boolean isJoined() {
    return state == State.MEMBER || state == State.LEAVING;
  }

  @Override
  boolean isEnded() {
    return state == State.LEFT || state == State.HALTED;
  }

  /** Whether a grant or a blocking callback of that record may be told. */
  boolean mayTell(LockRecord record) {
    if (!isJoined() || !follower.isSettled()) {
      return false;
    }
    if (record.generation() > generation()) {
      viewMoved();
      return false;
    }
    return true;
  }

  /** Runs the task as soon as commits make sense: connected, the view known and not frozen. */
  void whenReady(Runnable task) {
    if (isReady()) {
      task.run();
    } else {
      parked.add(task);
    }
  }

  private boolean isReady() {
    return !isEnded() && connected && follower.isSettled();
  }

  /** The view was read. */
  void show(ViewRecord now) {
    view = now.toView();
  }

  /** Something has changed that tasks and grants may have waited for. */
  void wake() {
    List<Runnable> tasks = List.copyOf(parked);
    parked.clear();
    tasks.forEach(this::whenReady);
    if (isJoined()) {
      eachLock(HeldLock::look);
    }
  }

  private void eachLock(Consumer<HeldLock> action) {
    List<HeldLock> all;
    synchronized (locks) {
      all = List.copyOf(locks.values());
    }
    all.forEach(action);
  }

  /** This node has the slot. */
  void joined(int slot, long generation) {
    owner = new Owner(slot, owner.incarnation());
    state = State.MEMBER;
    show(follower.now());
    follower.deliverAfter(generation);
    joining.complete(new JoinOutcome.Joined(this));
  }

  void notJoined(JoinOutcome outcome) {
    stop(State.LEFT);
    joining.complete(outcome);
  }

  void ended(Run run) {
    runs.remove(run);
    seeWhetherIdle();
  }

  private void seeWhetherIdle() {
    if (runs.isEmpty() && whenIdle.isPresent()) {
      Runnable next = whenIdle.get();
      whenIdle = Optional.empty();
      loop().execute(() -> guarded(next));
    }
  }

  void forget(HeldLock lock) {
    lock.close();
    synchronized (locks) {
      locks.remove(lock.resource(), lock);
    }
  }

  private void session(SessionEvent event) {
    if (isEnded()) {
      return;
    }
    switch (event) {
      case SUSPENDED -> connected = false;
      case RECONNECTED -> {
        connected = true;
        eachLock(HeldLock::reconnected);
        follower.look();
      }
      case LOST -> halt("session 0x%x is over".formatted(node.store().sessionId()));
    }
  }

  /** This incarnation is over. */
  void overturned(String found) {
    node.standing().overturned(found);
    halt(found);
  }

  @Override
  void halt(String reason) {
    if (isEnded()) {
      return;
    }
    boolean wasMember = isJoined();
    why = reason;
    stop(State.HALTED);
    joining.complete(new JoinOutcome.Halted(reason));
    List.copyOf(changes).forEach(change -> change.complete(new LeaveOutcome.Halted(reason)));
    if (wasMember) {
      tell(() -> listener.halted(reason));
    }
  }

  private void stop(State last) {
    state = last;
    parked.clear();
    follower.stop();
    eachLock(HeldLock::close);
    LockOutcome outcome = over().orElseThrow();
    List.copyOf(runs).forEach(run -> run.end(outcome));
  }
}
