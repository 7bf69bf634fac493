package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.lock.Standing;
import io.mirrorctl.dlm.member.ViewEntry.Outcome;
import io.mirrorctl.dlm.store.Op;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This node's place in the view: renews its lease, does its part of each stage of a regroup, ejects
 * who does not keep up, and takes out of the view who is surely dead or has left.
 *
 * <p>Threading: the loop; the lockspaces' questions may come from anywhere.
 */
final class Seat implements Standing {
  private static final Logger LOG = LoggerFactory.getLogger(Seat.class);

  private final ClusterMember member;
  private final MemberSettings settings;
  private final OwnLoop loop;
  private final Lease lease;
  private final Incarnation self;
  private final Link link;
  private final Duration sessionTimeout;
  private final Renewals renewals;
  private final StageWork work;
  private volatile Set<Long> view = Set.of();
  private volatile long nextIncarnation;
  private boolean working;
  private long epoch;
  private Stage stage = Stage.STABLE;

  /** Who has not passed the view's stage, and since when this node knows of no progress of it. */
  private final Map<Incarnation, Owed> owed = new HashMap<>();

  private boolean removing;

  private record Owed(long since, Optional<Stage> passed) {}

  Seat(ClusterMember member, Joining.Entered entered) {
    this.member = member;
    settings = member.settings();
    loop = member.loop();
    lease = member.lease();
    self = entered.id();
    link = entered.link();
    // what the view says of it: a later connection may have another
    sessionTimeout =
        Duration.ofMillis(link.view().view().member(self).orElseThrow().timeoutMillis());
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
            member.ports().listener(),
            member.gate(),
            loop,
            new Arbitration(member.ports().arbiter(), loop, settings),
            this::goBy,
            member::info);
  }

  Incarnation id() {
    return self;
  }

  Link link() {
    return link;
  }

  Duration sessionTimeout() {
    return sessionTimeout;
  }

  /**
   * Begins to renew the lease.
   *
   * @param entered when the commit that made it a member was sent
   */
  void start(Lease.Sent entered) {
    lease.fix(Member.leaseLength(sessionTimeout.toMillis()));
    renewals.start(entered);
  }

  void stop() {
    renewals.stop();
  }

  /** Complete, on any thread, when nothing of this node settles any more. */
  CompletionStage<Void> settled() {
    return work.settled();
  }

  /** Commits asked for to renew the lease. */
  long renewals() {
    return renewals.asked();
  }

  void reconnected() {
    long now = now();
    owed.replaceAll((_, debt) -> new Owed(now, debt.passed()));
    renewals.renew();
  }

  private long now() {
    return member.ports().env().ticker().read();
  }

  // the lease

  private final class RenewalListener implements Renewals.Listener {
    @Override
    public void renewed(Lease.Sent sent) {
      if (lease.isValid()) {
        watched(member.gate().release(HoldCause.LEASE));
      }
      judge(sent.nanos());
    }

    @Override
    public void leaseOver() {
      boolean doesIo =
          member.phase() == ClusterMember.Phase.JOINING
              || member.phase() == ClusterMember.Phase.MEMBER;
      if (doesIo && !member.gate().causes().contains(HoldCause.LEASE)) {
        LOG.warn("{}: the lease is over, I/O is held", self);
        watched(member.gate().hold(HoldCause.LEASE));
      }
    }

    @Override
    public void overturned() {
      member.findEnd(HaltCode.REMOVED, "its lease cannot be renewed");
    }
  }

  /**
   * Ejects who had not kept up when a renewal was sent that has been answered: all that happened
   * until then has been told. What came later may still stand in the loop's queue behind the
   * answer, if this node has slept.
   */
  private void judge(long sent) {
    View view = link.view().view();
    Optional<Member> me = view.member(self);
    if (!link.view().isFresh() || me.isEmpty() || !me.get().takesPart()) {
      return;
    }
    for (Member other : view.members()) {
      if (other.id().equals(self) || other.isOut() || link.peers().isAway(other.id())) {
        continue;
      }
      Duration silent = link.peers().sinceRenewal(other.id(), sent);
      Duration limit = Duration.ofMillis(other.timeoutMillis()).plus(settings.ioMargin());
      if (silent.compareTo(limit) > 0) {
        var _ =
            member
                .services()
                .poison(
                    other.id(), "no renewal of its lease in %d ms".formatted(silent.toMillis()));
      } else if (lags(view, other, sent)) {
        var _ =
            member
                .services()
                .poison(
                    other.id(),
                    "it has not passed %s of epoch %d in %d ms"
                        .formatted(view.stage(), view.epoch(), settings.stageLimit().toMillis()));
      }
    }
    if (lags(view, me.get(), sent)) {
      member.halt(
          HaltCode.STALLED,
          "%s of epoch %d was not passed in %d ms"
              .formatted(view.stage(), view.epoch(), settings.stageLimit().toMillis()));
    }
  }

  private boolean lags(View view, Member other, long at) {
    Owed debt = owed.get(other.id());
    return debt != null && at - debt.since() > stageLimit(view).toNanos();
  }

  /** A regroup that begins again is no progress of those that did not get on in the one before. */
  private void noteProgress(View newer, boolean sameEpoch) {
    long now = now();
    Map<Incarnation, Owed> before = Map.copyOf(owed);
    owed.clear();
    for (Member other : newer.members()) {
      if (!newer.stable() && other.takesPart() && !other.hasPassed(newer.stage())) {
        Owed debt = before.get(other.id());
        boolean stuck =
            debt != null
                && (sameEpoch ? other.passed().equals(debt.passed()) : other.passed().isEmpty());
        owed.put(other.id(), new Owed(stuck ? debt.since() : now, other.passed()));
      }
    }
  }

  private Duration stageLimit(View view) {
    return view.stage() == Stage.HOLD && view.arbitrate()
        ? settings.stageLimit().plus(settings.arbitrationTimeout())
        : settings.stageLimit();
  }

  private boolean isOver() {
    return member.phase() == ClusterMember.Phase.OVER;
  }

  private void watched(CompletionStage<Void> callback) {
    loop.then(
        callback,
        (_, failure) -> {
          if (failure != null && !isOver()) {
            member.callbackFailed(failure);
          }
        });
  }

  // regroups

  void viewChanged(View newer) {
    boolean sameEpoch = newer.epoch() == epoch;
    noteProgress(newer, sameEpoch);
    if (!sameEpoch || newer.stage() != stage) {
      epoch = newer.epoch();
      stage = newer.stage();
      LOG.debug("{}: epoch {}, {}: {}", self, epoch, stage, newer.cause());
    }
    if (working && !sameEpoch) {
      try {
        member.ports().listener().regroupRestarted(epoch);
      } catch (RuntimeException e) {
        member.callbackFailed(e);
        return;
      }
    }
    drive(newer);
    act(newer);
  }

  /** Does this node's part of the stage, if it has not yet. */
  private void drive(View now) {
    Optional<Member> me = now.member(self);
    if (working
        || now.stable()
        || me.isEmpty()
        || !me.get().takesPart()
        || me.get().hasPassed(now.stage())
        || (now.stage() == Stage.SETTLE && member.isGoing())) {
      return;
    }
    working = true;
    try {
      loop.then(work.run(now), (vote, failure) -> worked(now, vote, failure));
    } catch (RuntimeException e) {
      worked(now, null, e);
    }
  }

  private void worked(View at, Member.Vote vote, Throwable failure) {
    if (isOver()) {
      return;
    }
    // what became of a stage that has been begun anew since is of no use any more
    if (failure != null && at.epoch() == epoch) {
      member.callbackFailed(failure);
      return;
    }
    loop.when(
        member.change(now -> Regroup.passed(now, self, at.epoch(), at.stage(), vote)),
        _ -> {
          working = false;
          if (!isOver()) {
            drive(link.view().view());
          }
        });
  }

  /** Takes out of the view who is surely dead or has left, and goes on without who is away. */
  void act(View now) {
    Optional<String> poison = link.peers().poison(self);
    if (poison.isPresent() && !isOver()) {
      member.ejected(poison.get());
      return;
    }
    if (removing || isOver() || !now.member(self).map(Member::takesPart).orElse(false)) {
      return;
    }
    if (!link.deaths().onward(now).equals(now)) {
      removing = true;
      loop.when(
          member.change(newest -> link.deaths().onward(newest)),
          outcome -> {
            removing = false;
            if (outcome instanceof Outcome.Done && !isOver()) {
              // what came in between
              act(link.view().view());
            }
          });
    }
  }

  private void goBy(View newer) {
    Set<Long> incarnations =
        newer.active().stream().map(Incarnation::number).collect(Collectors.toUnmodifiableSet());
    boolean differs = !incarnations.equals(view);
    view = incarnations;
    nextIncarnation = newer.nextIncarnation();
    if (differs) {
      member.runOnViewChange();
    }
  }

  // what the lockspaces ask

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
  public Optional<String> end() {
    return member.end();
  }

  @Override
  public void overturned(String found) {
    loop.hop(() -> member.findEnd(HaltCode.OVERTURNED, found));
  }
}
