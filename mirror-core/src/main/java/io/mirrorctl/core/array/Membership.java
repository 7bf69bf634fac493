package io.mirrorctl.core.array;

import static com.google.common.collect.ImmutableList.toImmutableList;
import static com.google.common.collect.ImmutableSet.toImmutableSet;

import com.google.common.base.Ticker;
import com.google.common.util.concurrent.MoreExecutors;
import com.google.common.util.concurrent.Uninterruptibles;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.VolatileDevice;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * The current {@link MemberSet} and the one way to change it (decision D6, invariants I5 and I11).
 *
 * <p>A change runs alone: the bitmap's header takes the new events, I/O is held, the superblocks
 * with these events are made durable on every member that stays, the new set is taken into use, I/O
 * runs again. A member that fails on the way is taken out in the same change, which then starts
 * again.
 *
 * <p>A member that failed is <em>condemned</em> at once: nothing more is sent to it, and no write
 * is acknowledged until a change has recorded its loss. The last in-sync member is never condemned.
 *
 * <p>Threading: any thread. Who holds a pass of the gate must not wait here.
 */
final class Membership {

  /** How a change looks to the rest of the array. */
  interface Durability {
    /** Stores the events in this node's bitmap header; runs before I/O is held. */
    void prepare(long events) throws IOException;

    /**
     * Writes superblocks, and before them what members that begin to receive have to hold; answers
     * with the members that could not be written.
     */
    List<Legs.Failure> writeSuperblocks(MemberSet before, MemberSet next);

    /**
     * The set was switched; I/O is still held.
     *
     * @param incomplete members that lost writes which they had answered
     */
    void switched(MemberSet before, MemberSet after, Set<Member> incomplete);
  }

  /** A change of the set; sees it without the condemned members. */
  @FunctionalInterface
  interface Step {
    MemberSet apply(MemberSet set) throws IOException;
  }

  private static final System.Logger LOG = System.getLogger(Membership.class.getName());

  private final IoGate gate;
  private final ClusterPort cluster;
  private final Durability durability;
  private final boolean fillsRoles;
  private final Ticker ticker;
  private final Executor changes;
  private final Object condemnedLock = new Object();
  private final Map<Member, Verdict> condemned = new HashMap<>();
  private volatile boolean unsettled;
  private volatile boolean ending;

  /** When it began to be; guarded by condemnedLock. */
  private long unsettledSince;

  private boolean settling;
  private IOException settleFailure;
  private long settleAttempts;
  private volatile MemberSet current;

  /** The set whose superblocks are being written, else null; guarded by condemnedLock. */
  private MemberSet proposed;

  /** The highest events that any superblock may have; used by one change at a time. */
  private volatile long newestEvents;

  private final AtomicLong losses = new AtomicLong();

  /**
   * What becomes of a condemned member.
   *
   * @param recordedElsewhere another node records it
   * @param suspect it failed on this node; nobody has looked yet whether others reach it
   */
  private record Verdict(MemberState next, boolean recordedElsewhere, boolean suspect) {
    Verdict(MemberState next) {
      this(next, false, false);
    }

    Verdict confirmed() {
      return new Verdict(next, recordedElsewhere, false);
    }
  }

  /**
   * @param fillsRoles whether spares take vacant roles
   */
  Membership(
      MemberSet first,
      IoGate gate,
      ClusterPort cluster,
      Durability durability,
      boolean fillsRoles,
      Env env) {
    this.current = first;
    this.newestEvents = first.events();
    this.fillsRoles = fillsRoles;
    this.ticker = env.ticker();
    this.gate = gate;
    this.cluster = cluster;
    this.durability = durability;
    this.changes = MoreExecutors.newSequentialExecutor(env.io());
  }

  MemberSet current() {
    return current;
  }

  /** Whether a member is condemned and its loss not yet recorded. */
  boolean isUnsettled() {
    return unsettled;
  }

  boolean isCondemned(Member member) {
    if (!unsettled) {
      return false;
    }
    synchronized (condemnedLock) {
      return condemned.containsKey(member);
    }
  }

  /**
   * Stops using a member; a change that records it is on its way when this returns true.
   *
   * @param next what the member becomes: faulty, or recovering when its unflushed writes were lost
   * @return false if it is the last in-sync member, which stays
   */
  boolean condemn(Member member, MemberState next) {
    synchronized (condemnedLock) {
      Leg leg = current.find(member).orElse(null);
      if (leg == null || leg.isFaulty() || condemned.containsKey(member)) {
        return true;
      }
      boolean isLast = !othersRemain(current, member) || !othersRemain(proposed, member);
      if (leg.isInSync() && isLast) {
        cluster.allFailed();
        return false;
      }
      condemned.put(member, new Verdict(next, false, cluster.checksPaths()));
      unsettle();
      requestSettling();
      return true;
    }
  }

  /** Lock held. */
  private void unsettle() {
    if (!unsettled) {
      unsettledSince = ticker.read();
      unsettled = true;
    }
  }

  /** The losses that are not recorded yet, if there are any. */
  Optional<ArrayWait> unrecorded() {
    synchronized (condemnedLock) {
      return condemned.isEmpty()
          ? Optional.empty()
          : Optional.of(
              new ArrayWait.Unrecorded(
                  condemned.keySet().stream().map(Member::disk).sorted().collect(toImmutableList()),
                  TimeUnit.NANOSECONDS.toMillis(ticker.read() - unsettledSince)));
    }
  }

  /** Lock held. */
  private boolean othersRemain(MemberSet set, Member member) {
    return set == null
        || set.inSync().stream()
            .anyMatch(leg -> leg.member() != member && !condemned.containsKey(leg.member()));
  }

  /** How often members have lost writes that they had answered; rises before the set changes. */
  long losses() {
    return losses.get();
  }

  /** Returns when no member is condemned; throws if their loss cannot be recorded. */
  void awaitSettled() throws IOException {
    if (!unsettled) {
      return;
    }
    synchronized (condemnedLock) {
      long attempt = settleAttempts; // before the request, which may fail at once
      requestSettling();
      try {
        while (unsettled && (settling || settleAttempts == attempt)) {
          condemnedLock.wait();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while a member is being failed");
      }
      if (unsettled) {
        throw new DeviceException(
            IoFailure.OTHER,
            "the loss of a member cannot be recorded: " + settleFailure.getMessage(),
            settleFailure);
      }
    }
  }

  /** Makes one change; returns when it is durable and in use. Not to be called with a pass out. */
  MemberSet change(Step step) throws IOException {
    return change(step, () -> false);
  }

  /**
   * The same, unless there is nothing to do.
   *
   * @param isDone asked when nobody else can change anything
   */
  MemberSet change(Step step, BooleanSupplier isDone) throws IOException {
    FutureTask<MemberSet> task = new FutureTask<>(() -> transact(step, isDone));
    changes.execute(task);
    try {
      return Uninterruptibles.getUninterruptibly(task);
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case ArrayException known -> throw known;
        case RefusedElsewhere refused -> throw refused;
        case IOException io ->
            throw new DeviceException(DeviceException.kindOf(io), io.getMessage(), io);
        case Error error -> throw error;
        case RuntimeException bug -> throw bug;
        default -> throw new IllegalStateException(e.getCause());
      }
    }
  }

  /** Lock held. */
  private void requestSettling() {
    if (settling || !unsettled) {
      return;
    }
    settling = true;
    try {
      changes.execute(this::settle);
    } catch (RuntimeException | OutOfMemoryError noThread) {
      settlingEnded(new IOException("no thread for it: " + noThread, noThread));
    }
  }

  private void settle() {
    IOException failure = null;
    try {
      if (unsettled) {
        transact(set -> set, () -> !unsettled);
      }
    } catch (IOException e) {
      failure = e;
    } catch (RuntimeException | Error e) {
      failure = new IOException("bug: " + e, e);
    }
    synchronized (condemnedLock) {
      settlingEnded(failure);
      if (failure == null) {
        requestSettling();
      }
    }
    if (failure == null) {
      requestFilling();
    }
  }

  /** A spare may have a role to take. */
  private void requestFilling() {
    if (isFilled()) {
      return;
    }
    try {
      changes.execute(this::fillVacantRoles);
    } catch (RuntimeException | OutOfMemoryError noThread) {
      LOG.log(Level.WARNING, "no spare takes a vacant role: no thread for it: {0}", noThread);
    }
  }

  /** The array is about to be closed: no spare takes a role any more. */
  void end() {
    ending = true;
  }

  private boolean isFilled() {
    MemberSet set = current;
    return !fillsRoles || ending || fillRoles(set).receiving().size() == set.receiving().size();
  }

  private void fillVacantRoles() {
    try {
      var _ = transact(Membership::fillRoles, this::isFilled);
    } catch (IOException e) {
      LOG.log(Level.WARNING, "no spare takes the place of a lost member: {0}", e.getMessage());
    }
  }

  /** Lock held. */
  private void settlingEnded(IOException failure) {
    settling = false;
    settleAttempts++;
    settleFailure = failure;
    condemnedLock.notifyAll();
  }

  /** A change that failed half-way is taken back: no superblock may go on telling of it. */
  private MemberSet transact(Step step, BooleanSupplier isDone) throws IOException {
    try {
      MemberSet made = commit(step, isDone);
      requestFilling();
      return made;
    } catch (IOException | RuntimeException | Error e) {
      if (!cluster.isShared() && newestEvents > current.events()) {
        try {
          commit(set -> set, () -> false);
        } catch (IOException notTakenBack) {
          e.addSuppressed(notTakenBack);
        }
      }
      throw e;
    }
  }

  private MemberSet commit(Step step, BooleanSupplier isDone) throws IOException {
    Commit commit = new Commit(step, isDone);
    while (!commit.done) {
      gate.checkOpen();
      if (!cluster.isShared()) { // the bitmaps of nodes that share an array lag by design
        durability.prepare(newestEvents + 1);
      }
      cluster.transact(commit);
      commit.throwFailure();
    }
    return current;
  }

  /** One attempt after another to make a change, each with higher events. */
  private final class Commit implements ClusterPort.SetChange {
    private final Step step;
    private final BooleanSupplier isDone;
    private boolean done;
    private Throwable failure;

    Commit(Step step, BooleanSupplier isDone) {
      this.step = step;
      this.isDone = isDone;
    }

    @Override
    public boolean isDone() {
      done = done || isDone.getAsBoolean();
      return done;
    }

    @Override
    public long events() {
      return newestEvents + 1;
    }

    @Override
    public Set<Integer> failing() {
      return condemnedNumbers();
    }

    @Override
    public Set<Integer> suspects() {
      return numbers(Verdict::suspect);
    }

    @Override
    public void confirm(Set<Integer> numbers) {
      synchronized (condemnedLock) {
        condemned.replaceAll((member, verdict) ->
            numbers.contains(member.devNumber()) ? verdict.confirmed() : verdict);
      }
    }

    @Override
    public List<ClusterPort.Coming> coming() {
      MemberSet before = current;
      MemberSet next;
      try {
        next = next();
        checkSpares(before, next);
      } catch (IOException notPossible) {
        failure = notPossible;
        done = true;
        return List.of();
      }
      return next.legs().stream()
          .filter(leg -> !before.has(leg.member().uuid()) || isReceivingFirst(leg, before))
          .map(Leg::member)
          .map(member -> new ClusterPort.Coming(member.devNumber(), member.uuid(), member.disk()))
          .toList();
    }

    /** A spare carries no claim, so that somebody else may have taken its disk. */
    private void checkSpares(MemberSet before, MemberSet next) throws IOException {
      for (Leg leg : cluster.isShared() ? next.receivingFirst(before) : List.<Leg>of()) {
        Member member = leg.member();
        boolean wasSpare =
            before.find(member).filter(one -> one.state() instanceof MemberState.Spare).isPresent();
        if (wasSpare
            && !Candidate.read(member.device()).superblock().deviceUuid().equals(member.uuid())) {
          throw ArrayException.failed(member + " is another disk by now");
        }
      }
    }

    /** Without the locks, as a step may look at its disk. */
    private MemberSet next() throws IOException {
      Map<Member, Verdict> lost;
      synchronized (condemnedLock) {
        lost = Map.copyOf(condemned);
      }
      return withRolesFilled(step.apply(without(current, lost)));
    }

    private static boolean isReceivingFirst(Leg leg, MemberSet before) {
      return leg.receives() && before.find(leg.member()).filter(Leg::receives).isEmpty();
    }

    @Override
    public Set<Integer> going() {
      try {
        MemberSet next = next();
        return current.legs().stream()
            .map(Leg::member)
            .filter(member -> !next.has(member.uuid()))
            .map(Member::devNumber)
            .collect(toImmutableSet());
      } catch (IOException notPossible) { // as was told when it was asked who comes
        return Set.of();
      }
    }

    @Override
    public void refused(int slot, String reason) {
      failure = new RefusedElsewhere(slot, reason);
      done = true;
    }

    @Override
    public void unseen(int slot) {
      failure = new RefusedElsewhere(slot);
      done = true;
    }

    @Override
    public void hold() {
      gate.hold();
    }

    @Override
    public void alsoFailing(Set<Integer> numbers) {
      condemnNumbers(numbers);
    }

    @Override
    public ClusterPort.Committed commit() throws IOException {
      if (!cluster.isShared()) {
        done = attempt(step);
        return committed();
      }
      try {
        makeDurable(step);
      } catch (IOException | RuntimeException | Error e) {
        failure = e;
        if (newestEvents > current.events()) {
          makeDurable(set -> set);
        }
      }
      done = true;
      return committed();
    }

    /** I/O is held on all nodes until the superblocks agree (invariant I5). */
    private void makeDurable(Step wanted) throws IOException {
      boolean agree = false;
      while (!agree) {
        agree = attempt(wanted);
      }
    }

    void throwFailure() throws IOException {
      switch (failure) {
        case null -> {}
        case IOException io -> throw io;
        case RuntimeException bug -> throw bug;
        case Error error -> throw error;
        default -> throw new IllegalStateException(failure);
      }
    }

    @Override
    public void resume() {
      gate.resume();
    }
  }

  /** Whether the change is durable and in use; if not, a member failed that is condemned now. */
  private boolean attempt(Step step) throws IOException {
    Map<Member, Verdict> recorded = new HashMap<>();
    MemberSet before = current;
    MemberSet next = propose(step, recorded);
    List<Legs.Failure> failures;
    try {
      recorded.forEach(Membership::acknowledgeLoss);
      newestEvents = next.events();
      failures = durability.writeSuperblocks(before, next);
      if (failures.isEmpty()) {
        synchronized (condemnedLock) {
          current = next;
        }
      }
    } finally {
      synchronized (condemnedLock) {
        proposed = null;
      }
    }
    if (!failures.isEmpty()) {
      condemnAll(failures);
      return false;
    }
    durability.switched(before, next, incomplete(recorded));
    settled(recorded);
    return true;
  }

  /** From here until the proposal is dropped its last in-sync member cannot be condemned. */
  private MemberSet propose(Step step, Map<Member, Verdict> recorded) throws IOException {
    synchronized (condemnedLock) {
      recorded.putAll(condemned);
      losses.addAndGet(incomplete(recorded).size());
      MemberSet next = step.apply(without(current, recorded));
      proposed = withRolesFilled(next).withEvents(newestEvents + 1);
      return proposed;
    }
  }

  /**
   * Beside other nodes only by a change of its own: a node may refuse it that does not reach the
   * spare, and nothing else is to depend on that.
   */
  private MemberSet withRolesFilled(MemberSet set) {
    return fillsRoles && !cluster.isShared() ? fillRoles(set) : set;
  }

  private ClusterPort.Committed committed() {
    return new ClusterPort.Committed(
        current.events(), current.inSync().getFirst().member().devNumber());
  }

  /** Numbers of the members that are condemned, whatever becomes of them. */
  private Set<Integer> condemnedNumbers() {
    return numbers(_ -> true);
  }

  /** The same without suspects: what they are is not known. */
  Set<Integer> confirmedNumbers() {
    return numbers(verdict -> !verdict.suspect());
  }

  private Set<Integer> numbers(Predicate<Verdict> wanted) {
    synchronized (condemnedLock) {
      return condemned.entrySet().stream()
          .filter(entry -> wanted.test(entry.getValue()))
          .map(entry -> entry.getKey().devNumber())
          .collect(toImmutableSet());
    }
  }

  /** No in-sync member could do what was asked: perhaps the fault is on this node. */
  void allFailed() {
    cluster.allFailed();
  }

  /** Other nodes fail these members: who records it is not this node's affair. */
  void condemnNumbers(Set<Integer> numbers) {
    synchronized (condemnedLock) {
      for (Leg leg : current.legs()) {
        Member member = leg.member();
        boolean isLast = leg.isInSync() && !othersRemain(current, member);
        if (numbers.contains(member.devNumber()) && !leg.isFaulty() && !isLast) {
          condemned.putIfAbsent(
              member, new Verdict(new MemberState.Faulty("failed on another node"), true, false));
          unsettle();
        }
      }
    }
  }

  /** Another node has made a change, which the members' superblocks show. I/O is held. */
  void adopt(MemberSet next) {
    MemberSet before = current;
    newestEvents = next.events();
    synchronized (condemnedLock) {
      current = next;
      condemned.entrySet().removeIf(entry -> isRecorded(next, entry.getKey(), entry.getValue()));
      boolean noneLeft =
          next.inSync().stream().allMatch(leg -> condemned.containsKey(leg.member()));
      if (noneLeft) { // the last ones are never failed: their errors go to the clients
        next.inSync().forEach(leg -> condemned.remove(leg.member()));
      }
      unsettled = !condemned.isEmpty();
      condemnedLock.notifyAll();
    }
    losses.incrementAndGet();
    durability.switched(before, next, Set.of());
  }

  private static boolean isRecorded(MemberSet next, Member member, Verdict verdict) {
    Leg leg = next.find(member).orElse(null);
    if (leg == null || !leg.receives() || verdict.recordedElsewhere()) {
      return true;
    }
    boolean lossRecorded = leg.isRecovering() && verdict.next() instanceof MemberState.Recovering;
    if (lossRecorded) {
      acknowledgeLoss(member, verdict);
    }
    return lossRecorded;
  }

  /** Makes the set as it is durable once more, with higher events. I/O is held everywhere. */
  ClusterPort.Committed rewrite() throws IOException {
    Commit commit = new Commit(set -> set, () -> false);
    ClusterPort.Committed committed = commit.commit();
    commit.throwFailure();
    return committed;
  }

  /** Whoever is still condemned after another node's change is taken out by one of this node. */
  void settleLeftOver() {
    synchronized (condemnedLock) {
      requestSettling();
    }
    requestFilling();
  }

  private static Set<Member> incomplete(Map<Member, Verdict> recorded) {
    return recorded.entrySet().stream()
        .filter(entry -> entry.getValue().next().receives())
        .map(Map.Entry::getKey)
        .collect(toImmutableSet());
  }

  /** Only now: no read that chose this member before is in flight any more. */
  private static void acknowledgeLoss(Member member, Verdict verdict) {
    if (!(verdict.next() instanceof MemberState.Faulty)
        && member.device() instanceof VolatileDevice device) {
      device.acknowledgeLoss();
    }
  }

  /** What a member becomes by a failure: a device that only lost unflushed writes is kept. */
  static MemberState stateAfter(Legs.Failure failure) {
    if (DeviceException.kindOf(failure.cause()) != IoFailure.VOLATILE_LOSS) {
      return new MemberState.Faulty(failure.cause().getMessage());
    }
    return switch (failure.leg().state()) {
      case MemberState.InSync _ -> new MemberState.Recovering(0, true, false);
      case MemberState.Recovering r -> new MemberState.Recovering(0, r.byBitmap(), r.replacement());
      case MemberState.Spare spare -> spare;
      case MemberState.Faulty faulty -> faulty;
    };
  }

  private void condemnAll(List<Legs.Failure> failures) throws IOException {
    for (Legs.Failure failure : failures) {
      boolean isMember = current.find(failure.leg().member()).isPresent();
      if (!isMember || !condemnOnceMore(failure)) {
        throw new DeviceException(
            DeviceException.kindOf(failure.cause()),
            "superblocks cannot be written: " + failure.cause().getMessage(),
            failure.cause());
      }
    }
  }

  /** As {@link #condemn}; a member that was to be kept and fails again is faulty. */
  private boolean condemnOnceMore(Legs.Failure failure) {
    Member member = failure.leg().member();
    synchronized (condemnedLock) {
      if (condemned.containsKey(member)) {
        condemned.put(member, new Verdict(new MemberState.Faulty(failure.cause().getMessage())));
        return true;
      }
      return condemn(member, stateAfter(failure));
    }
  }

  private void settled(Map<Member, Verdict> recorded) {
    synchronized (condemnedLock) {
      recorded.forEach(condemned::remove);
      unsettled = !condemned.isEmpty();
      condemnedLock.notifyAll();
    }
  }

  /** A spare takes each role that nobody fills. */
  private static MemberSet fillRoles(MemberSet set) {
    MemberSet filled = set;
    for (int role = 0; role < set.raidDisks(); role++) {
      int vacant = role;
      boolean taken = filled.receiving().stream().anyMatch(leg -> leg.role() == vacant);
      Optional<Leg> spare =
          filled.legs().stream()
              .filter(leg -> leg.state() instanceof MemberState.Spare)
              .findFirst();
      if (!taken && spare.isPresent()) {
        filled =
            filled.with(
                spare.get().member(),
                leg -> new Leg(leg.member(), vacant, new MemberState.Recovering(0, false, false)));
      }
    }
    return filled;
  }

  private static MemberSet without(MemberSet set, Map<Member, Verdict> lost) {
    if (lost.isEmpty()) {
      return set;
    }
    List<Leg> legs = new ArrayList<>(set.legs());
    legs.replaceAll(
        leg -> lost.containsKey(leg.member()) ? leg.with(lost.get(leg.member()).next()) : leg);
    return set.withLegs(legs.stream().collect(toImmutableList()));
  }
}
