package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.member.ClusterMember.Phase;
import io.mirrorctl.dlm.member.Membership.Vouch;
import io.mirrorctl.dlm.member.ViewEntry.Attempt;
import io.mirrorctl.dlm.member.ViewEntry.Outcome;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.OutcomeUnknownException;
import io.mirrorctl.dlm.store.Store;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;

/** What a member can be asked to do. Threading: the loop. */
final class Services {
  private final ClusterMember member;
  private final OwnLoop loop;
  private CompletableFuture<ServiceResult> going = new CompletableFuture<>();

  Services(ClusterMember member) {
    this.member = member;
    this.loop = member.loop();
  }

  // going

  CompletableFuture<ServiceResult> leave() {
    Phase phase = member.phase();
    if (member.self().isEmpty() || phase == Phase.OVER || phase == Phase.LEAVING) {
      return done(notMember());
    }
    member.phase(Phase.LEAVING, "leaving");
    Incarnation self = member.self().get();
    Link link = member.link();
    var result = new CompletableFuture<ServiceResult>();
    going = result;
    ioEnded(
        result,
        "leave",
        () -> {
          loop.when(
              link.view()
                  .change(now ->
                      new Attempt<>(
                          Regroup.out(now, self, Member.State.LEFT),
                          List.of(new Op.Delete(Paths.node(self), 0)),
                          now.epoch())),
              outcome -> left(outcome, result));
        });
    return result;
  }

  private void left(Outcome<Long> outcome, CompletableFuture<ServiceResult> result) {
    Incarnation self = member.self().orElseThrow();
    ServiceResult answer =
        switch (outcome) {
          case Outcome.Done<Long>(Long epoch) -> new ServiceResult.Done(epoch, self + " left");
          case Outcome.Refused<Long> _ ->
              new ServiceResult.NotMember(self + " was ejected while it left");
          case Outcome.Over<Long>() ->
              new ServiceResult.NotMember(
                  self + " lost its session while it left: the others wait for its lease");
        };
    result.complete(answer);
    member.over(answer.text());
  }

  /** This incarnation is over: a leave or shutdown that waits for its I/O is answered. */
  void ended() {
    going.complete(notMember());
  }

  /** Holds all I/O for good; goes on when all has returned and the lease has ended. */
  private void ioEnded(CompletableFuture<ServiceResult> result, String what, Runnable next) {
    loop.then(
        member.gate().hold(HoldCause.LEAVING).thenComposeAsync(_ -> member.seat().settled(), loop),
        (_, failure) -> {
          if (failure != null) {
            String text =
                "%s did not %s cleanly, its I/O could not be held: %s"
                    .formatted(member.self().orElseThrow(), what, failure.getMessage());
            result.complete(new ServiceResult.NotMember(text));
            member.over(text);
          } else {
            member.lease().end();
            next.run();
          }
        });
  }

  CompletableFuture<ServiceResult> shutdown() {
    Phase phase = member.phase();
    if (phase == Phase.STOPPING) {
      return done(new ServiceResult.Done(member.view().epoch(), "already stopping"));
    }
    if (phase != Phase.MEMBER) {
      return done(notMember());
    }
    member.phase(Phase.STOPPING, "stopping");
    Incarnation self = member.self().orElseThrow();
    var result = new CompletableFuture<ServiceResult>();
    going = result;
    ioEnded(
        result,
        "stop",
        () ->
            loop.when(
                member.change(now -> Regroup.stopping(now, self)),
                outcome ->
                    result.complete(answer(outcome, self + " takes part in no regroup any more"))));
    return result;
  }

  /**
   * After a halt, when all I/O has returned: nobody has to wait for the lease. Ends the session
   * also if that cannot be told any more.
   */
  void farewell(Link link) {
    Incarnation self = member.self().orElseThrow();
    loop.when(
        link.store().read(Paths.node(self)),
        (entry, failure) -> {
          if (failure != null || entry.isEmpty()) {
            link.close();
            return;
          }
          Op guard = new Op.Delete(Paths.node(self), entry.get().version());
          loop.when(
              link.view()
                  .change(now ->
                      new Attempt<>(
                          Regroup.out(now, self, Member.State.HALTED),
                          List.of(guard),
                          now.epoch())),
              _ -> link.close());
        });
  }

  // others

  CompletableFuture<ServiceResult> eject(int node, Vouch vouch, String reason) {
    Optional<ServiceResult> refusal = refusal(node, "it cannot eject itself; it can leave");
    if (refusal.isPresent()) {
      return done(refusal.get());
    }
    return ejectMember(member.view().node(node).orElseThrow().id(), vouch, reason);
  }

  CompletableFuture<ServiceResult> eject(Incarnation victim, Vouch vouch, String reason) {
    Optional<ServiceResult> refusal =
        refusal(victim.node(), "it cannot eject itself; it can leave");
    if (refusal.isPresent()) {
      return done(refusal.get());
    }
    if (member.view().member(victim).isEmpty()) {
      return done(new ServiceResult.NotMember(victim + " is not in the view"));
    }
    return ejectMember(victim, vouch, reason);
  }

  private CompletableFuture<ServiceResult> ejectMember(
      Incarnation victim, Vouch vouch, String reason) {
    String why = "node %d: %s".formatted(member.settings().node(), reason);
    CompletableFuture<ServiceResult> word =
        vouch == Vouch.NO
            ? done(new ServiceResult.Done(0, ""))
            : member
                .change(now -> Regroup.vouched(now, victim))
                .thenApply(outcome -> answer(outcome, victim + " is vouched for"));
    return word.thenCompose(
        said -> said instanceof ServiceResult.Done ? poison(victim, why) : done(said));
  }

  /** From now on the victim can renew its lease no more. */
  CompletableFuture<ServiceResult> poison(Incarnation victim, String why) {
    var result = new CompletableFuture<ServiceResult>();
    poison(victim, Regroup.shortened(why), result);
    return result;
  }

  private void poison(Incarnation victim, String why, CompletableFuture<ServiceResult> result) {
    Store store = member.link().store();
    loop.when(
        store.read(Paths.node(victim)),
        (entry, failure) -> {
          if (failure != null) {
            result.complete(notMember());
          } else if (entry.isEmpty() || entry.get().version() > 0) {
            result.complete(
                new ServiceResult.Done(
                    member.view().epoch(), victim + " could renew its lease no more already"));
          } else {
            put(store, victim, entry.get(), why, result);
          }
        });
  }

  private void put(
      Store store,
      Incarnation victim,
      Entry entry,
      String why,
      CompletableFuture<ServiceResult> result) {
    MemberRecord record;
    try {
      record = MemberRecord.decode(Paths.node(victim), entry.data());
    } catch (UnreadableRecordException e) {
      // its owner can have nothing against a legible one
      record = new MemberRecord(victim, 1, new TreeMap<>(), Optional.of(e.getMessage()));
    }
    loop.when(
        store.commit(
            List.of(
                new Op.Check(Paths.node(member.self().orElseThrow()), 0),
                new Op.Put(Paths.node(victim), record.poisoned(why).encode(), entry.version()))),
        (done, failure) -> {
          switch (done) {
            case null -> {
              if (failure instanceof OutcomeUnknownException) {
                poison(victim, why, result);
              } else {
                result.complete(notMember());
              }
            }
            case CommitResult.Committed _ ->
                result.complete(
                    new ServiceResult.Done(member.view().epoch(), victim + " is ejected"));
            case CommitResult.Refused(int index, var _) when index == 0 -> {
              member.findEnd(HaltCode.REMOVED, "it could not eject " + victim);
              result.complete(notMember());
            }
            case CommitResult.Refused _ -> poison(victim, why, result);
          }
        });
  }

  CompletableFuture<ServiceResult> nodeUnreachable(int node) {
    Optional<ServiceResult> refusal = refusal(node, "it reaches itself");
    if (refusal.isPresent()) {
      return done(refusal.get());
    }
    Incarnation self = member.self().orElseThrow();
    Incarnation accused = member.view().node(node).orElseThrow().id();
    if (member.link().peers().isAway(accused)) {
      return done(
          new ServiceResult.Done(
              member.view().epoch(), accused + " is known to be away, and will be taken out"));
    }
    return member
        .change(now -> Regroup.accused(now, self, accused))
        .thenApply(outcome -> answer(outcome, accused + " has to show whether it keeps up"));
  }

  CompletableFuture<ServiceResult> forceRegroup(String reason) {
    Optional<ServiceResult> refusal = refusal();
    if (refusal.isPresent()) {
      return done(refusal.get());
    }
    Optional<Member> away =
        member.link().deaths().pending(member.view()).stream()
            .filter(Member::takesPart)
            .findFirst();
    if (away.isPresent()) {
      return done(
          new ServiceResult.Transient(
              "%s is away (%s): all I/O would be held until then, and a regroup follows anyway"
                  .formatted(
                      away.get().id(),
                      member.link().deaths().waiting(away.get()).orElse("it is gone"))));
    }
    var result = new CompletableFuture<ServiceResult>();
    loop.when(
        member.change(now -> Regroup.begin(now, Set.of(), Optional.empty(), "forced: " + reason)),
        outcome ->
            member.whenStable(() -> {
              if (member.phase() == Phase.OVER) {
                result.complete(notMember());
              } else {
                result.complete(answer(outcome, "the regroup is over"));
              }
            }));
    return result;
  }

  // what is known

  boolean isNodeUp(int node) {
    Optional<Member> found = member.view().node(node).filter(m -> !m.isOut());
    if (found.isEmpty() || member.self().isEmpty() || member.phase() == Phase.OVER) {
      return false;
    }
    Incarnation id = found.get().id();
    if (member.self().equals(Optional.of(id))) {
      return member.lease().isValid();
    }
    Peers peers = member.link().peers();
    return !peers.isAway(id)
        && peers.sinceRenewal(id).compareTo(Duration.ofMillis(found.get().timeoutMillis())) < 0;
  }

  Diagnostics diagnostics() {
    View view = member.view();
    List<Diagnostics.Peer> peers = List.of();
    if (member.self().isPresent()) {
      Link link = member.link();
      peers =
          view.members().stream()
              .map(m ->
                  new Diagnostics.Peer(
                      m.id(),
                      m.state().word(),
                      m.passed(),
                      link.peers().sinceRenewal(m.id()),
                      link.deaths().waiting(m)))
              .toList();
    }
    String state =
        member.word() + member.waitingToEnter().map(what -> ", waiting for " + what).orElse("");
    Set<HoldCause> held = member.gate().causes();
    if (!held.isEmpty()) {
      state +=
          ", I/O held by "
              + held.stream().map(HoldCause::name).collect(Collectors.joining(" and "));
    }
    return new Diagnostics(
        member.self(),
        state,
        member.info(view),
        view.cause(),
        member.isSuspended(),
        member.lease().remaining(),
        member.lease().length(),
        member.sessionTimeout(),
        member.storeCounts(),
        member.renewals(),
        peers);
  }

  // answers

  private static <T> CompletableFuture<T> done(T answer) {
    return CompletableFuture.completedFuture(answer);
  }

  private ServiceResult notMember() {
    return new ServiceResult.NotMember(
        "node %d is no member of the cluster: %s"
            .formatted(member.settings().node(), member.word()));
  }

  /** Why nothing can be asked of this node at the moment. */
  private Optional<ServiceResult> refusal() {
    if (member.phase() != Phase.MEMBER) {
      return Optional.of(notMember());
    }
    if (member.isSuspended()) {
      return Optional.of(
          new ServiceResult.Transient(
              "node %d: the servers do not answer".formatted(member.settings().node())));
    }
    return Optional.empty();
  }

  private Optional<ServiceResult> refusal(int node, String ifSelf) {
    Optional<ServiceResult> general = refusal();
    if (general.isPresent()) {
      return general;
    }
    if (node == member.settings().node()) {
      return Optional.of(
          new ServiceResult.Refused("node %d is this node: %s".formatted(node, ifSelf)));
    }
    if (member.view().node(node).filter(m -> !m.isOut()).isEmpty()) {
      return Optional.of(new ServiceResult.NotMember("node %d is not in the view".formatted(node)));
    }
    return Optional.empty();
  }

  private ServiceResult answer(Outcome<Long> outcome, String text) {
    return switch (outcome) {
      case Outcome.Done<Long>(Long epoch) -> new ServiceResult.Done(epoch, text);
      case Outcome.Refused<Long> _ -> notMember();
      case Outcome.Over<Long>() -> notMember();
    };
  }
}
