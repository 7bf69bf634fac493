package io.mirrorctl.dlm.member;

import io.mirrorctl.core.env.Invariant;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.member.ViewEntry.Attempt;
import io.mirrorctl.dlm.member.ViewEntry.Outcome;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.SessionEvent;
import io.mirrorctl.dlm.store.StoreCounts;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The conductor of one incarnation: it hears of the view, the peers and its own lease, and takes
 * the node from the join to its end. The rules of regroups are {@link Regroup}'s, the services
 * {@link Services}'.
 *
 * <p>Threading: the loop, but for what {@link LoopMembership} asks from elsewhere.
 */
final class ClusterMember {
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
  private volatile Seat seat;

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

  private void bug(Throwable thrown) {
    LOG.error("node {}", settings.node(), thrown);
    if (seat != null) {
      halt(HaltCode.BUG, thrown.toString());
    }
  }

  // joining

  CompletableFuture<JoinResult> join(Duration timeout) {
    if (phase == Phase.NEW) {
      phase = Phase.JOINING;
      startJoin(timeout);
      return joined;
    }
    return CompletableFuture.completedFuture(
        phase == Phase.OVER
            ? new JoinResult.Fault(
                "node %d: this membership is over (%s); another one can join"
                    .formatted(settings.node(), phaseText))
            : new JoinResult.Already("node %d is %s already".formatted(settings.node(), word())));
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
    if (!joined.complete(result)) {
      return;
    }
    LOG.warn("{}: {}", result.status(), result.text());
    joinTimer.cancel();
    joining.stop();
    over("did not join: " + result.text());
    ports.listener().joinFailed(result);
  }

  private void joinTimeOver() {
    if (phase != Phase.JOINING || joinTimedOut) {
      return;
    }
    joinTimedOut = true;
    if (seat != null) {
      withdraw();
    } else if (isSuspended() || !joining.entering()) {
      joining.timeout(joinLimit);
    }
    // else it may be in the view already, and has to leave it when it knows
  }

  private void entered(Joining.Entered entered) {
    heartbeat = entered.heartbeat();
    seat = new Seat(this, entered);
    seat.start(entered.sent());
    LOG.info("{} is in the view", seat.id());
    if (joinTimedOut) {
      withdraw();
    } else {
      viewChanged(view());
    }
  }

  private void withdraw() {
    View view = view();
    JoinResult result =
        new JoinResult.Timeout(
            "node %d has not joined in %d ms; it waited for: %s of epoch %d; not passed by %s"
                .formatted(
                    settings.node(),
                    joinLimit.toMillis(),
                    view.stage(),
                    view.epoch(),
                    view.ids(m -> m.takesPart() && !m.hasPassed(view.stage()))));
    if (isSuspended()) {
      joinFailed(result);
    } else {
      loop.when(services.leave(), _ -> joinFailed(result));
      // I/O that cannot be held in time is left to the end of the lease
      loop.after(settings.ioMargin(), () -> joinFailed(result));
    }
  }

  // what is heard

  private final class LinkEvents implements Link.Events {
    @Override
    public void viewChanged(View view) {
      if (seat != null) {
        ClusterMember.this.viewChanged(view);
      } else {
        joining.progress();
      }
    }

    @Override
    public void viewBroken(String why) {
      if (seat != null) {
        halt(HaltCode.UNREADABLE, why);
      } else {
        joining.fault(why);
      }
    }

    @Override
    public void peersChanged() {
      if (seat != null) {
        seat.act(view());
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
      case SUSPENDED -> LOG.info("node {}: the servers do not answer", settings.node());
      case RECONNECTED -> {
        LOG.info("node {}: the servers answer again", settings.node());
        if (seat != null) {
          seat.reconnected();
        }
      }
      case LOST -> {
        if (seat == null) {
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

  // regroups

  private void viewChanged(View view) {
    if (phase == Phase.OVER) {
      return;
    }
    Optional<Member> me = view.member(seat.id());
    if (me.isEmpty() || me.get().isOut()) {
      if (phase != Phase.LEAVING) {
        halt(HaltCode.REMOVED, "epoch %d: %s".formatted(view.epoch(), view.cause()));
      }
    } else if (me.get().state() == Member.State.QUIET) {
      findEnd(HaltCode.REMOVED, "the others go on without it: " + view.cause());
    } else if (Regroup.lostByAll(view) || Regroup.lostBy(view, seat.id())) {
      halt(HaltCode.ARBITRATION_LOST, "epoch %d: %s".formatted(view.epoch(), view.cause()));
    } else {
      seat.viewChanged(view);
      if (view.stable()) {
        regroupOver(view, me.get());
      }
    }
  }

  void callbackFailed(Throwable failure) {
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    LOG.error("{}: a callback failed", seat.id(), cause);
    halt(HaltCode.CALLBACK_FAILED, cause.toString());
  }

  private void regroupOver(View view, Member me) {
    if (phase == Phase.JOINING && me.state() == Member.State.UP && !joinTimedOut) {
      phase = Phase.MEMBER;
      joinTimer.cancel();
      LOG.info("{} has joined, epoch {}", seat.id(), view.epoch());
      joined.complete(new JoinResult.Joined(seat.id(), info(view), seat.sessionTimeout()));
    }
    wakeWaiters();
  }

  private void wakeWaiters() {
    List<Runnable> woken = List.copyOf(waiters);
    waiters.clear();
    woken.forEach(Runnable::run);
  }

  // the end

  /** Another member has put this one out. */
  void ejected(String why) {
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
    if (phase == Phase.OVER || seat == null) {
      return;
    }
    // whatever the reason: not valid any more
    lease.end();
    Incarnation self = seat.id();
    loop.when(
        seat.link().store().read(Paths.node(self)),
        (entry, failure) -> {
          if (failure != null || phase == Phase.OVER) {
            return;
          }
          Optional<String> poison = entry.flatMap(e -> Peers.poison(Paths.node(self), e));
          if (poison.isPresent()) {
            ejected(poison.get());
          } else if (phase == Phase.JOINING) {
            joinFailed(new JoinResult.Transient(self + " could not stay: " + found));
          } else {
            halt(code, found);
          }
        });
  }

  /** Ends this incarnation and tells the node above. */
  void halt(HaltCode code, String why) {
    if (phase == Phase.OVER || phase == Phase.LEAVING || seat == null) {
      return;
    }
    String text = "%s halts: %s (%s)".formatted(seat.id(), code.text(), why);
    if (phase == Phase.STOPPING) {
      // it was as good as gone
      over(text);
      return;
    }
    if (phase == Phase.JOINING) {
      joinFailed(new JoinResult.Transient(text));
      return;
    }
    LOG.error("{}: {}", code, text);
    lease.end();
    seat.stop();
    phase = Phase.OVER;
    phaseText = text;
    wakeWaiters();
    services.ended();
    Link link = seat.link();
    CompletionStage<Void> ioEnded = haltedAbove(code, text);
    runOnViewChange();
    loop.then(
        ioEnded,
        (_, failure) -> {
          if (failure == null && code != HaltCode.SESSION_LOST) {
            services.farewell(link);
          } else {
            link.close();
          }
        });
  }

  /** What this throws must not keep the lockspaces from ending. */
  private CompletionStage<Void> haltedAbove(HaltCode code, String text) {
    try {
      return ports.listener().halted(code, text);
    } catch (RuntimeException | Error e) {
      LOG.error("{}: the callback that tells of a halt failed", seat.id(), e);
      return CompletableFuture.failedFuture(e);
    }
  }

  /** Over without a halt. */
  void over(String text) {
    lease.end();
    phase = Phase.OVER;
    phaseText = text;
    if (seat != null) {
      seat.stop();
      seat.link().close();
    }
    wakeWaiters();
    services.ended();
    if (seat != null) {
      runOnViewChange();
    }
    if (joining != null && !joined.isDone() && !joinTimedOut) {
      // it was asked to leave before it had joined
      joinFailed(new JoinResult.Transient(text));
    }
  }

  // what the services ask

  Phase phase() {
    return phase;
  }

  /**
   * Whether it is about to take part no more: nothing is to be begun that others would wait for.
   */
  boolean isGoing() {
    return phase == Phase.LEAVING || phase == Phase.STOPPING;
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

  /** Why this incarnation is over, if it is. */
  Optional<String> end() {
    return phase == Phase.OVER ? Optional.of(phaseText) : Optional.empty();
  }

  Optional<Incarnation> self() {
    return Optional.ofNullable(seat).map(Seat::id);
  }

  /** Only once this node is in the view. */
  Link link() {
    return seat.link();
  }

  OwnLoop loop() {
    return loop;
  }

  MemberSettings settings() {
    return settings;
  }

  MemberPorts ports() {
    return ports;
  }

  Services services() {
    return services;
  }

  Quorum quorum() {
    return quorum;
  }

  /** Callable from anywhere. */
  Lease lease() {
    return lease;
  }

  /** Callable from anywhere. */
  Seat seat() {
    Invariant.check(seat != null, "node %d is not in the view yet", settings.node());
    return seat;
  }

  void onViewChange(Runnable task) {
    onViewChange.add(task);
  }

  void runOnViewChange() {
    List.copyOf(onViewChange).forEach(Runnable::run);
  }

  IoGate gate() {
    return gate;
  }

  /** What the session has cost; nothing before there is one. */
  StoreCounts storeCounts() {
    return seat == null ? StoreCounts.NONE : seat.link().store().counts();
  }

  /** Of these commits, those that renewed the lease. */
  long renewals() {
    return seat == null ? 0 : seat.renewals();
  }

  boolean isSuspended() {
    return (seat == null
            ? Optional.ofNullable(joining).flatMap(Joining::link)
            : Optional.of(seat.link()))
        .map(Link::isSuspended)
        .orElse(false);
  }

  Optional<String> waitingToEnter() {
    return seat == null ? Optional.ofNullable(joining).map(Joining::waiting) : Optional.empty();
  }

  Duration sessionTimeout() {
    return seat == null ? Duration.ZERO : seat.sessionTimeout();
  }

  View view() {
    return seat == null ? View.EMPTY : seat.link().view().view();
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
    Op.Check standing = seat.check();
    return seat.link()
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

  /** Ends the session without leaving. */
  void close() {
    lease.end();
    if (phase == Phase.JOINING) {
      joinFailed(new JoinResult.Transient("node " + settings.node() + " was closed"));
    } else if (phase != Phase.OVER) {
      over("closed");
    }
  }
}
