package io.mirrorctl.dlm.member;

import com.google.common.base.Throwables;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Says when a member that can renew its lease no more may be taken out of the view: when its lease
 * is surely over (decision D4) and the fence agent, or an operator in its stead, has said yes. And
 * what becomes of the others' regroups until then.
 *
 * <p>Threading: the loop.
 */
final class Deaths {
  /** Clocks of different nodes run alike to one part in so many. */
  private static final int DRIFT = 100;

  private sealed interface Fencing {
    record Asked() implements Fencing {}

    record Yes() implements Fencing {}

    record NotYet(String reason) implements Fencing {}
  }

  private final Peers peers;
  private final FenceAgent agent;
  private final OwnLoop loop;
  private final Duration ioMargin;
  private final Duration retry;
  private final Runnable progress;
  private final Map<Incarnation, Fencing> fencing = new HashMap<>();
  private boolean closed;

  /**
   * @param progress told when {@link #sure} may say something else
   */
  Deaths(Peers peers, FenceAgent agent, OwnLoop loop, MemberSettings settings, Runnable progress) {
    this.peers = peers;
    this.agent = agent;
    this.loop = loop;
    this.ioMargin = settings.ioMargin();
    this.retry = settings.fenceRetry();
    this.progress = progress;
  }

  void close() {
    closed = true;
  }

  /** Members that are away and have not left, whether their death is sure or not. */
  List<Member> pending(View view) {
    return view.members().stream().filter(m -> !m.isOut() && peers.isAway(m.id())).toList();
  }

  /** Those among them who may be taken out of the view; sees to it that the others will be. */
  Set<Incarnation> sure(View view) {
    fencing.keySet().removeIf(id -> view.member(id).isEmpty());
    return pending(view).stream()
        .filter(this::isSure)
        .map(Member::id)
        .collect(Collectors.toUnmodifiableSet());
  }

  /**
   * The view as it has to be, with those that are away or have left: without who is surely dead,
   * and a regroup goes on without who is only quiet, or is put off. The same view if there is
   * nothing to be done.
   */
  View onward(View now) {
    Set<Incarnation> sure = sure(now);
    List<Member> awaited =
        pending(now).stream()
            .filter(m -> !sure.contains(m.id()) && m.state() != Member.State.QUIET)
            .toList();
    if (awaited.isEmpty()) {
      boolean atRest = now.stable() || now.stage() == Stage.PUT_OFF;
      boolean left = now.members().stream().anyMatch(Member::isOut);
      return sure.isEmpty() && !(left && atRest) && now.stage() != Stage.PUT_OFF
          ? now
          : Regroup.begin(now, sure, Optional.empty(), gone(now, sure));
    }
    Set<Incarnation> quiet =
        awaited.stream()
            .filter(m -> Regroup.isQuiet(now, m))
            .map(Member::id)
            .collect(Collectors.toUnmodifiableSet());
    if (quiet.size() == awaited.size()) {
      return Regroup.again(now, sure, quiet, "without " + names(quiet.stream()));
    }
    return switch (now.stage()) {
      case HOLD ->
          now.reached() == Stage.HOLD
              ? Regroup.putOff(
                  now, quiet, "put off: " + names(awaited.stream().map(Member::id)) + " is away")
              : now;
      // I/O runs by the new view already
      case RESUME, TELL -> passedFor(now, awaited);
      default -> now;
    };
  }

  private static View passedFor(View now, List<Member> away) {
    View next = now;
    for (Member member : away) {
      next = Regroup.passed(next, member.id(), now.epoch(), now.stage(), Member.Vote.NONE);
    }
    return next;
  }

  private static String gone(View now, Set<Incarnation> dead) {
    List<Incarnation> left = now.ids(Member::isOut);
    if (dead.isEmpty() && left.isEmpty()) {
      return "goes on";
    }
    return names(Stream.concat(dead.stream(), left.stream()))
        + (dead.isEmpty() ? " left" : " gone");
  }

  private static String names(Stream<Incarnation> who) {
    return who.sorted().map(Incarnation::toString).collect(Collectors.joining(", "));
  }

  private boolean isSure(Member member) {
    if (member.state() == Member.State.STOPPING) {
      // it has said itself that its I/O has ended
      return true;
    }
    Duration left = leaseLeft(member);
    if (left.isPositive()) {
      loop.after(left, this::tell);
      return false;
    }
    return member.vouched() || isFenced(member.id());
  }

  /** Until nobody's clock can show the lease as valid and its last I/O has ended. */
  private Duration leaseLeft(Member member) {
    Duration wait = member.leaseLength().plus(ioMargin);
    return wait.plus(wait.dividedBy(DRIFT)).minus(peers.sinceRenewal(member.id()));
  }

  private boolean isFenced(Incarnation id) {
    Fencing state = fencing.get(id);
    if (state == null) {
      fencing.put(id, new Fencing.Asked());
      ask(id);
      state = fencing.get(id);
    }
    return state instanceof Fencing.Yes;
  }

  private void ask(Incarnation id) {
    try {
      loop.then(agent.fence(id), (answer, failure) -> said(id, answer, failure));
    } catch (RuntimeException e) {
      said(id, null, e);
    }
  }

  private void said(Incarnation id, FenceAgent.Answer answer, Throwable failure) {
    if (closed || !fencing.containsKey(id)) {
      return;
    }
    if (failure == null && answer instanceof FenceAgent.Answer.Fenced) {
      fencing.put(id, new Fencing.Yes());
      tell();
      return;
    }
    String reason =
        failure != null
            ? "it failed: " + Throwables.getRootCause(failure)
            : ((FenceAgent.Answer.NotYet) answer).reason();
    fencing.put(id, new Fencing.NotYet(reason));
    loop.after(
        retry,
        () -> {
          if (!closed && fencing.containsKey(id)) {
            ask(id);
          }
        });
  }

  private void tell() {
    if (!closed) {
      progress.run();
    }
  }

  /** What is waited for before the member leaves the view; empty while it is not away. */
  Optional<String> waiting(Member member) {
    if (!peers.isAway(member.id()) || member.isOut()) {
      return Optional.empty();
    }
    String why = peers.isGone(member.id()) ? "its session is over" : "it was ejected";
    Duration left = leaseLeft(member);
    if (left.isPositive() && member.state() != Member.State.STOPPING) {
      return Optional.of(
          "%s, its lease is surely over in %d ms".formatted(why, left.toMillis() + 1));
    }
    if (member.vouched()) {
      return Optional.of(why + ", an operator has vouched for it");
    }
    return Optional.of(
        switch (fencing.get(member.id())) {
          case null -> why;
          case Fencing.Asked() -> why + ", the fence agent has been asked";
          case Fencing.Yes() -> why + ", it is fenced";
          case Fencing.NotYet(String reason) -> why + ", the fence agent says not yet: " + reason;
        });
  }
}
