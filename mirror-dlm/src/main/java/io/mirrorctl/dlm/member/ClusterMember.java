package io.mirrorctl.dlm.member;

import io.mirrorctl.core.env.Invariant;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.lock.Standing;
import io.mirrorctl.dlm.member.ViewEntry.Attempt;
import io.mirrorctl.dlm.member.ViewEntry.Outcome;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.SessionEvent;
import io.mirrorctl.dlm.store.Store;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The conductor of one incarnation: it hears of the view, the peers and its own lease, and takes
 * the node from the join to its end. The rules of regroups are {@link Regroup}'s, the services
 * {@link Services}'.
 *
 * <p>Threading: everything on the loop; the public methods hop there.
 */
final class ClusterMember implements Membership {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterMember.class);

  /** Where this incarnation stands. */
  enum Phase {
    NEW,
    JOINING,
    MEMBER,
    LEAVING,
    STOPPING,
    OVER
  }

  private final MemberSettings settings;
  private final MemberPorts ports;
  private final OwnLoop loop;
  private final Lease lease;
  private final IoGate gate;
  private final Services services;
  private final Quorum quorum;
  private final List<Runnable> onViewChange = new ArrayList<>();
  private final List<Runnable> waiters = new ArrayList<>();
  private final CompletableFuture<JoinResult> joined = new CompletableFuture<>();
  private Phase phase = Phase.NEW;
  private String phaseText = "new";
  private Joining joining;
  private boolean joinTimedOut;
  private Duration joinLimit = Duration.ZERO;
  private Loop.Timer joinTimer = () -> {};
  private Heartbeat heartbeat;
  private boolean suspended;
  private volatile Regular regular;

  /** What there is from the entry into the view on. */
  private final class Regular implements Standing {
    private final Incarnation self;
    private final Link link;
    private final Duration sessionTimeout;
    private final Renewals renewals;
    private final StageWork work;
    private volatile Set<Long> view = Set.of();
    private volatile long nextIncarnation;
    private boolean working;
    private long stageSince;
    private long stageEpoch;
    private Stage stage = Stage.STABLE;
    private boolean removing;

    Regular(Joining.Entered entered) {
      self = entered.id();
      link = entered.link();
      sessionTimeout = link.store().sessionTimeout();
      renewals =
          new Renewals(
              link.store(),
              loop,
              self,
              lease,
              entered.heartbeat().renewalInterval(sessionTimeout),
              new RenewalListener());
      work =
          new StageWork(
              self,
              ports.listener(),
              gate,
              loop,
              new Arbitration(ports.arbiter(), loop, settings),
              this::goBy,
              ClusterMember.this::info);
    }

    private void goBy(View newer) {
      Set<Long> incarnations =
          newer.active().stream().map(Incarnation::number).collect(Collectors.toUnmodifiableSet());
      boolean differs = !incarnations.equals(view);
      view = incarnations;
      nextIncarnation = newer.nextIncarnation();
      if (differs) {
        List.copyOf(onViewChange).forEach(Runnable::run);
      }
    }

    @Override
    public int node() {
      return self.node();
    }

    @Override
    public long incarnation() {
      return self.number();
    }

    @Override
    public Op.Check check() {
      return new Op.Check(Paths.node(self), 0);
    }

    @Override
    public Set<Long> view() {
      return view;
    }

    @Override
    public long nextIncarnation() {
      return nextIncarnation;
    }

    @Override
    public void overturned(String found) {
      onLoop(() -> findEnd(HaltCode.OVERTURNED, found));
    }
  }

  ClusterMember(MemberSettings settings, MemberPorts ports) {
    this.settings = settings;
    this.ports = ports;
    this.loop = new OwnLoop(ports.loop(), this::bug);
    this.lease = new Lease(ports.env());
    this.gate = new IoGate(ports.listener());
    this.heartbeat = settings.heartbeat();
    this.services = new Services(this);
    this.quorum = new Quorum(this);
  }

  private void onLoop(Runnable task) {
    if (loop.isCurrent()) {
      task.run();
    } else {
      loop.execute(task);
    }
  }

  private void bug(Throwable thrown) {
    LOG.error("node {}", settings.node(), thrown);
    if (regular != null) {
      halt(HaltCode.BUG, thrown.toString());
    }
  }

  // joining

  @Override
  public CompletableFuture<JoinResult> join(Duration timeout) {
    var result = new CompletableFuture<JoinResult>();
    onLoop(() -> {
      if (phase == Phase.NEW) {
        phase = Phase.JOINING;
        loop.when(joined, result::complete);
        startJoin(timeout);
      } else if (phase == Phase.OVER) {
        result.complete(
            new JoinResult.Fault(
                "node %d: this membership is over (%s); another one can join"
                    .formatted(settings.node(), phaseText)));
      } else {
        result.complete(
            new JoinResult.Already("node %d is %s already".formatted(settings.node(), word())));
      }
    });
    return result;
  }

  private void startJoin(Duration timeout) {
    joinLimit = timeout;
    joinTimer = loop.after(timeout, this::joinTimeOver);
    joining = new Joining(settings, ports, loop, lease, new LinkEvents());
    loop.when(joining.entered(), this::entered);
    loop.when(joining.failed(), this::joinFailed);
    joining.start();
  }

  private void joinFailed(JoinResult result) {
    if (joined.isDone()) {
      return;
    }
    joinTimer.cancel();
    joining.stop();
    over("did not join: " + result.text());
    LOG.warn("{}: {}", result.status(), result.text());
    ports.listener().joinFailed(result);
    joined.complete(result);
  }

  private void joinTimeOver() {
    if (phase != Phase.JOINING || joinTimedOut) {
      return;
    }
    joinTimedOut = true;
    if (regular != null) {
      withdraw();
    } else if (suspended || !joining.entering()) {
      joinFailed(timeout(joining.waiting()));
    }
    // else it may be in the view already, and has to leave it when it knows
  }

  private JoinResult timeout(String waiting) {
    return new JoinResult.Timeout(
        "node %d has not joined in %d ms; it waited for: %s"
            .formatted(settings.node(), joinLimit.toMillis(), waiting));
  }

  private void entered(Joining.Entered entered) {
    heartbeat = entered.heartbeat();
    regular = new Regular(entered);
    lease.fix(Member.leaseLength(regular.sessionTimeout.toMillis()));
    regular.renewals.start(entered.sent());
    LOG.info("{} is in the view", regular.self);
    if (joinTimedOut) {
      withdraw();
    } else {
      viewChanged(regular.link.view().view());
    }
  }

  private void withdraw() {
    View view = view();
    JoinResult result =
        timeout(
            "%s of epoch %d; not passed by %s"
                .formatted(
                    view.stage(),
                    view.epoch(),
                    view.ids(m -> m.takesPart() && !m.hasPassed(view.stage()))));
    if (suspended) {
      joinFailed(result);
    } else {
      loop.when(services.leave(), _ -> joinFailed(result));
    }
  }

  // what is heard

  private final class LinkEvents implements Link.Events {
    @Override
    public void viewChanged(View view) {
      if (regular != null) {
        ClusterMember.this.viewChanged(view);
      } else {
        joining.progress();
      }
    }

    @Override
    public void viewBroken(String why) {
      if (regular != null) {
        halt(HaltCode.UNREADABLE, why);
      } else {
        joining.fault(why);
      }
    }

    @Override
    public void peersChanged() {
      if (regular != null) {
        act(view());
      } else {
        joining.progress();
      }
    }

    @Override
    public void session(SessionEvent event) {
      ClusterMember.this.session(event);
    }
  }

  private void session(SessionEvent event) {
    switch (event) {
      case SUSPENDED -> {
        suspended = true;
        LOG.info("node {}: the servers do not answer", settings.node());
      }
      case RECONNECTED -> {
        suspended = false;
        LOG.info("node {}: the servers answer again", settings.node());
        if (regular != null) {
          regular.stageSince = now();
          regular.renewals.renew();
        }
      }
      case LOST -> {
        if (regular == null) {
          joining.sessionLost();
        } else if (phase == Phase.JOINING) {
          joinFailed(
              new JoinResult.Transient(
                  "node %d lost its session while it joined".formatted(settings.node())));
        } else if (phase == Phase.MEMBER) {
          halt(HaltCode.SESSION_LOST, "what it may not know of has happened since");
        } else {
          over(phaseText);
        }
      }
    }
  }

  private final class RenewalListener implements Renewals.Listener {
    @Override
    public void renewed(Lease.Sent sent) {
      if (lease.isValid()) {
        gate.release(HoldCause.LEASE);
      }
      judge();
    }

    @Override
    public void leaseOver() {
      if (phase == Phase.JOINING || phase == Phase.MEMBER) {
        LOG.warn("{}: the lease is over, I/O is held", regular.self);
        watched(gate.hold(HoldCause.LEASE));
      }
    }

    @Override
    public void overturned() {
      findEnd(HaltCode.REMOVED, "its lease cannot be renewed");
    }
  }

  /** Ejects who does not keep up. Only called when all that happened so far has been told. */
  private void judge() {
    View view = view();
    Optional<Member> me = view.member(regular.self);
    if (me.isEmpty() || !me.get().takesPart()) {
      return;
    }
    for (Member member : view.members()) {
      if (member.id().equals(regular.self)
          || member.isOut()
          || regular.link.peers().isAway(member.id())) {
        continue;
      }
      Duration silent = regular.link.peers().sinceRenewal(member.id());
      Duration limit = Duration.ofMillis(member.timeoutMillis()).plus(settings.ioMargin());
      if (silent.compareTo(limit) > 0) {
        var _ =
            services.poison(
                member.id(), "no renewal of its lease in %d ms".formatted(silent.toMillis()));
      } else if (lags(view, member)) {
        var _ =
            services.poison(
                member.id(),
                "it has not passed %s of epoch %d in %d ms"
                    .formatted(view.stage(), view.epoch(), settings.stageLimit().toMillis()));
      }
    }
    if (lags(view, me.get())) {
      halt(
          HaltCode.STALLED,
          "%s of epoch %d was not passed in %d ms"
              .formatted(view.stage(), view.epoch(), settings.stageLimit().toMillis()));
    }
  }

  private boolean lags(View view, Member member) {
    return !view.stable()
        && member.takesPart()
        && !member.hasPassed(view.stage())
        && now() - regular.stageSince > stageLimit(view).toNanos();
  }

  private Duration stageLimit(View view) {
    return view.stage() == Stage.HOLD && view.arbitrate()
        ? settings.stageLimit().plus(settings.arbitrationTimeout())
        : settings.stageLimit();
  }

  private long now() {
    return ports.env().ticker().read();
  }

  // regroups

  private void viewChanged(View view) {
    if (phase == Phase.OVER) {
      return;
    }
    Regular r = regular;
    if (view.epoch() != r.stageEpoch || view.stage() != r.stage) {
      r.stageEpoch = view.epoch();
      r.stage = view.stage();
      r.stageSince = now();
      LOG.debug("{}: epoch {}, {}: {}", r.self, view.epoch(), view.stage(), view.cause());
    }
    Optional<Member> me = view.member(r.self);
    if (me.isEmpty() || me.get().isOut()) {
      if (phase != Phase.LEAVING) {
        halt(HaltCode.REMOVED, "epoch %d: %s".formatted(view.epoch(), view.cause()));
      }
      return;
    }
    if (Regroup.lostByAll(view) || Regroup.lostBy(view, r.self)) {
      halt(HaltCode.ARBITRATION_LOST, "epoch %d: %s".formatted(view.epoch(), view.cause()));
      return;
    }
    drive(view);
    act(view);
    if (view.stable()) {
      regroupOver(view, me.get());
    }
  }

  /** Does this node's part of the stage, if it has not yet. */
  private void drive(View view) {
    Regular r = regular;
    Optional<Member> me = view.member(r.self);
    if (r.working
        || view.stable()
        || me.isEmpty()
        || !me.get().takesPart()
        || me.get().hasPassed(view.stage())) {
      return;
    }
    r.working = true;
    try {
      loop.then(r.work.run(view), (vote, failure) -> worked(view, vote, failure));
    } catch (RuntimeException e) {
      worked(view, null, e);
    }
  }

  private void worked(View at, Member.Vote vote, Throwable failure) {
    if (phase == Phase.OVER) {
      return;
    }
    if (failure != null) {
      callbackFailed(failure);
      return;
    }
    Incarnation self = regular.self;
    loop.when(
        change(now -> Regroup.passed(now, self, at.epoch(), at.stage(), vote)),
        _ -> {
          regular.working = false;
          if (phase != Phase.OVER) {
            drive(view());
          }
        });
  }

  private void callbackFailed(Throwable failure) {
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    LOG.error("{}: a callback failed", regular.self, cause);
    halt(HaltCode.CALLBACK_FAILED, cause.toString());
  }

  /** The failure of this callback is the end of this incarnation. */
  private void watched(CompletionStage<Void> callback) {
    loop.then(
        callback,
        (_, failure) -> {
          if (failure != null && phase != Phase.OVER) {
            callbackFailed(failure);
          }
        });
  }

  /** Takes out of the view who is surely dead or has left. */
  private void act(View view) {
    Regular r = regular;
    Optional<String> poison = r.link.peers().poison(r.self);
    if (poison.isPresent() && (phase == Phase.MEMBER || phase == Phase.JOINING)) {
      ejected(poison.get());
      return;
    }
    if (r.removing
        || phase == Phase.OVER
        || !view.member(r.self).map(Member::takesPart).orElse(false)) {
      return;
    }
    if (removable(view).isPresent()) {
      r.removing = true;
      loop.when(change(now -> removable(now).orElse(now)), _ -> r.removing = false);
    }
  }

  /**
   * The view without the dead, if all that are away are surely dead, and without those that left.
   */
  private Optional<View> removable(View view) {
    Deaths deaths = regular.link.deaths();
    Set<Incarnation> sure = deaths.sure(view);
    boolean left = view.members().stream().anyMatch(Member::isOut);
    if (sure.size() < deaths.pending(view).size() || (sure.isEmpty() && !(left && view.stable()))) {
      return Optional.empty();
    }
    List<Incarnation> gone = new ArrayList<>(sure);
    gone.addAll(view.ids(Member::isOut));
    return Optional.of(
        Regroup.begin(
            view,
            sure,
            Optional.empty(),
            gone.stream().map(Incarnation::toString).collect(Collectors.joining(", "))
                + (sure.isEmpty() ? " left" : " gone")));
  }

  private void regroupOver(View view, Member me) {
    if (phase == Phase.JOINING && me.state() == Member.State.UP && !joinTimedOut) {
      phase = Phase.MEMBER;
      joinTimer.cancel();
      LOG.info("{} has joined, epoch {}", regular.self, view.epoch());
      joined.complete(new JoinResult.Joined(regular.self, info(view), regular.sessionTimeout));
    }
    wakeWaiters();
  }

  private void wakeWaiters() {
    List<Runnable> woken = List.copyOf(waiters);
    waiters.clear();
    woken.forEach(Runnable::run);
  }

  // the end

  private void ejected(String why) {
    if (phase == Phase.JOINING) {
      joinFailed(
          new JoinResult.Transient(
              "node %d was ejected while it joined: %s".formatted(settings.node(), why)));
    } else {
      halt(HaltCode.EJECTED, why);
    }
  }

  /** This node's standing is gone; its own entry says why. */
  void findEnd(HaltCode code, String found) {
    if (phase == Phase.OVER || regular == null) {
      return;
    }
    // whatever the reason: not valid any more
    lease.end();
    Incarnation self = regular.self;
    loop.when(
        regular.link.store().read(Paths.node(self)),
        (entry, failure) -> {
          if (failure != null || phase == Phase.OVER) {
            return;
          }
          Optional<String> poison = entry.flatMap(e -> Peers.poison(Paths.node(self), e));
          if (poison.isPresent()) {
            ejected(poison.get());
          } else if (phase == Phase.JOINING) {
            joinFailed(new JoinResult.Transient(self + " could not stay: " + found));
          } else if (phase == Phase.MEMBER) {
            halt(code, found);
          }
        });
  }

  /** Ends this incarnation and tells the node above. */
  void halt(HaltCode code, String why) {
    if (phase != Phase.MEMBER && phase != Phase.JOINING) {
      return;
    }
    String text = "%s halts: %s (%s)".formatted(regular.self, code.text(), why);
    if (phase == Phase.JOINING) {
      joinFailed(new JoinResult.Transient(text));
      return;
    }
    LOG.error("{}: {}", code, text);
    lease.end();
    regular.renewals.stop();
    phase = Phase.OVER;
    phaseText = text;
    wakeWaiters();
    Link link = regular.link;
    loop.then(
        ports.listener().halted(code, text),
        (_, failure) -> {
          if (failure == null && code != HaltCode.SESSION_LOST) {
            services.farewell(link);
          } else {
            link.close();
          }
        });
  }

  /** Over without a word to the listener. */
  void over(String text) {
    lease.end();
    phase = Phase.OVER;
    phaseText = text;
    if (regular != null) {
      regular.renewals.stop();
      regular.link.close();
    }
    wakeWaiters();
  }

  // what the services ask

  Phase phase() {
    return phase;
  }

  void phase(Phase next, String text) {
    phase = next;
    phaseText = text;
  }

  /** As in "node 3 is joining". */
  String word() {
    return switch (phase) {
      case NEW -> "new";
      case JOINING -> "joining";
      case MEMBER -> "up";
      case LEAVING -> "leaving";
      case STOPPING -> "stopping";
      case OVER -> "over: " + phaseText;
    };
  }

  Optional<Incarnation> self() {
    return Optional.ofNullable(regular).map(r -> r.self);
  }

  /** Only once this node is in the view. */
  Link link() {
    return regular.link;
  }

  OwnLoop loop() {
    return loop;
  }

  MemberSettings settings() {
    return settings;
  }

  IoGate gate() {
    return gate;
  }

  boolean isSuspended() {
    return suspended;
  }

  Optional<String> waitingToEnter() {
    return regular == null ? Optional.ofNullable(joining).map(Joining::waiting) : Optional.empty();
  }

  Duration sessionTimeout() {
    return regular == null ? Duration.ZERO : regular.sessionTimeout;
  }

  View view() {
    return regular == null ? View.EMPTY : regular.link.view().view();
  }

  ClusterInfo info(View view) {
    return new ClusterInfo(
        view.epoch(), view.stage(), view.active(), heartbeat, view.winner(), view.owner());
  }

  /** Runs when no regroup is under way, or when this incarnation is over. */
  void whenStable(Runnable task) {
    if (phase == Phase.OVER || view().stable()) {
      task.run();
    } else {
      waiters.add(task);
    }
  }

  /** A change of the view that stands only while this node does. */
  CompletableFuture<Outcome<Long>> change(UnaryOperator<View> change) {
    return attempt(now -> {
      View next = change.apply(now);
      return new Attempt<>(next, List.of(), next.epoch());
    });
  }

  <R> CompletableFuture<Outcome<R>> attempt(Function<View, Attempt<R>> change) {
    Op.Check standing = regular.check();
    return regular
        .link
        .view()
        .change(now -> {
          Attempt<R> attempt = change.apply(now);
          return new Attempt<>(attempt.next(), List.of(standing), attempt.answer());
        })
        .thenApply(outcome -> {
          if (outcome instanceof Outcome.Refused<R>) {
            findEnd(HaltCode.REMOVED, "the view cannot be changed by it");
          }
          return outcome;
        });
  }

  // services

  private <R> CompletableFuture<R> asked(Supplier<CompletableFuture<R>> service) {
    var result = new CompletableFuture<R>();
    onLoop(() -> loop.when(service.get(), result::complete));
    return result;
  }

  @Override
  public CompletableFuture<ServiceResult> leave() {
    return asked(services::leave);
  }

  @Override
  public CompletableFuture<ServiceResult> shutdown() {
    return asked(services::shutdown);
  }

  @Override
  public CompletableFuture<ServiceResult> eject(int node, Vouch vouch, String reason) {
    return asked(() -> services.eject(node, vouch, reason));
  }

  @Override
  public CompletableFuture<ServiceResult> nodeUnreachable(int node) {
    return asked(() -> services.nodeUnreachable(node));
  }

  @Override
  public CompletableFuture<ServiceResult> forceRegroup(String reason) {
    return asked(() -> services.forceRegroup(reason));
  }

  @Override
  public CompletableFuture<ClusterInfo> clusterInfo() {
    return asked(() -> CompletableFuture.completedFuture(info(view())));
  }

  @Override
  public CompletableFuture<Boolean> isNodeUp(int node) {
    return asked(() -> CompletableFuture.completedFuture(services.isNodeUp(node)));
  }

  @Override
  public CompletableFuture<Diagnostics> diagnostics() {
    return asked(() -> CompletableFuture.completedFuture(services.diagnostics()));
  }

  @Override
  public CompletableFuture<QuorumResult> arbitrationWinner(Wait wait) {
    return asked(() -> quorum.winner(wait));
  }

  @Override
  public CompletableFuture<QuorumResult> setQuorumOwner(int node, Wait wait) {
    return asked(() -> quorum.set(node, wait));
  }

  @Override
  public CompletableFuture<QuorumResult> giveUpQuorum(Wait wait) {
    return asked(() -> quorum.giveUp(wait));
  }

  @Override
  public Lease lease() {
    return lease;
  }

  @Override
  public Standing standing() {
    Invariant.check(joined.isDone() && regular != null, "node %d has not joined", settings.node());
    return regular;
  }

  @Override
  public Store store() {
    Invariant.check(joined.isDone() && regular != null, "node %d has not joined", settings.node());
    return regular.link.store();
  }

  @Override
  public void onViewChange(Runnable task) {
    onLoop(() -> onViewChange.add(task));
  }

  @Override
  public void close() {
    lease.end();
    onLoop(() -> {
      if (phase == Phase.JOINING) {
        joinFailed(new JoinResult.Transient("node " + settings.node() + " was closed"));
      } else if (phase != Phase.OVER) {
        over("closed");
      }
    });
  }
}
