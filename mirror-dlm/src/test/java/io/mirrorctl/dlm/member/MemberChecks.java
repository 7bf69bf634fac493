package io.mirrorctl.dlm.member;

import io.mirrorctl.core.env.Invariant;
import io.mirrorctl.dlm.simulation.MemoryServers;
import io.mirrorctl.dlm.simulation.Simulation;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * What must hold in every run of {@link MemberWorld}:
 *
 * <ul>
 *   <li>no two processes act as one incarnation, nor do I/O under one node number;
 *   <li>nothing of a death shows anywhere while the dead's own lease, by its own clocks, is valid
 *       (invariant I4);
 *   <li>a stage begins when all members that take part have passed the one before, and no I/O of
 *       anybody in the view runs from NEW_VIEW to RESUME;
 *   <li>nobody settles what has been begun anew, or writes by a view that others have left behind;
 *   <li>all whose I/O runs go by one view;
 *   <li>who was ejected can change nothing any more;
 *   <li>all are told the same, in the same order;
 *   <li>in the end nobody hangs: all questions are answered, all nodes are up (I9).
 * </ul>
 */
final class MemberChecks {
  private final Simulation simulation;
  private final MemoryServers servers;
  private final List<WorldMember> members;
  private final Map<Incarnation, Long> sessions = new HashMap<>();
  private final List<View.News> news = new ArrayList<>();
  private final Map<WorldMember, List<View.News>> told = new HashMap<>();
  private final Map<Long, Set<Incarnation>> dead = new HashMap<>();
  private final Map<WorldMember, Set<String>> passed = new HashMap<>();
  private View view = View.EMPTY;
  private final Set<Incarnation> left = new HashSet<>();
  private boolean newViewSince;

  MemberChecks(Simulation simulation, MemoryServers servers, List<WorldMember> members) {
    this.simulation = simulation;
    this.servers = servers;
    this.members = members;
    servers.onCommit(this::committed);
  }

  View view() {
    return view;
  }

  void check(boolean holds, String what) {
    Invariant.check(holds, "%s: %s", simulation, what);
  }

  private Optional<WorldMember> process(Incarnation id) {
    Long session = sessions.get(id);
    return members.stream()
        .filter(m -> session != null && m.store().isPresent())
        .filter(m -> m.store().get().sessionId() == session)
        .findFirst();
  }

  // commits

  private void committed(MemoryServers.Done done) {
    for (Op op : done.ops()) {
      switch (op) {
        case Op.Create create ->
            Paths.below(Paths.NODES, create.path())
                .ifPresent(id ->
                    check(
                        sessions.put(id, done.session()) == null,
                        "incarnation given out twice: " + id));
        case Op.Put put -> {
          Paths.below(Paths.LEASES, put.path())
              .ifPresent(id ->
                  check(sessions.get(id) == done.session(), "renewed by another process: " + id));
          if (!put.path().equals(Paths.CLUSTER)) {
            stands(done);
          }
          if (put.path().equals(Paths.VIEW)) {
            changed(read(servers.peek(Paths.VIEW).orElseThrow()));
          }
        }
        case Op.Check _, Op.Delete _ -> {}
      }
    }
  }

  /** Who was ejected can change nothing: each commit asks for its own member entry. */
  private void stands(MemoryServers.Done done) {
    check(
        done.ops().stream()
            .anyMatch(op ->
                Paths.below(Paths.NODES, op.path())
                    .filter(id -> sessions.getOrDefault(id, 0L) == done.session())
                    .isPresent()),
        "a commit that does not depend on its own member entry: " + done.ops());
  }

  private View read(Entry entry) {
    try {
      return ViewCodec.decode(Paths.VIEW, entry.data());
    } catch (UnreadableRecordException e) {
      throw new AssertionError(simulation + ": " + e.getMessage(), e);
    }
  }

  private void changed(View next) {
    if (next.epoch() == view.epoch()) {
      boolean nobodyLeft = next.members().stream().noneMatch(Member::takesPart);
      check(
          next.stage() == view.stage()
              || next.stage() == view.stage().next()
              || (nobodyLeft && next.stable()),
          "from %s to %s in epoch %d".formatted(view.stage(), next.stage(), next.epoch()));
      if (next.stage() != view.stage()) {
        next.active().forEach(id -> isHeld(id, next));
        next.members().stream().filter(Member::takesPart).forEach(m -> hasPassed(m, next));
      }
    } else {
      check(next.epoch() == view.epoch() + 1, "epoch " + next.epoch());
      check(
          next.stage() == Stage.HOLD
              || (next.stage() == Stage.PUT_OFF && view.stage() == Stage.HOLD)
              || next.members().stream().noneMatch(Member::takesPart),
          "from %s to %s".formatted(view.stage(), next.stage()));
      check(
          next.stage() != Stage.PUT_OFF || !newViewSince,
          "I/O runs again though some go by a new view");
      next.ids(m -> m.state() == Member.State.QUIET)
          .forEach(id -> check(isAway(id), id + " is quiet but not away"));
    }
    switch (next.stage()) {
      case NEW_VIEW -> newViewSince = true;
      case RESUME, STABLE -> newViewSince = false;
      default -> {}
    }
    next.members().stream().filter(Member::isOut).forEach(m -> left.add(m.id()));
    next.news().stream().filter(item -> !news.contains(item)).forEach(news::add);
    Set<Incarnation> gone = new HashSet<>(view.active());
    next.active().forEach(gone::remove);
    gone.forEach(id -> leaseIsOver(id, "the view of epoch " + next.epoch()));
    view = next;
  }

  private boolean isAway(Incarnation id) {
    return servers.peek(Paths.lease(id)).isEmpty()
        || servers.peek(Paths.node(id)).filter(entry -> entry.version() == 0).isEmpty();
  }

  /** Also of who does not take part any more, and whatever its lease. */
  private void isHeld(Incarnation id, View next) {
    boolean held =
        switch (next.stage()) {
          case NEW_VIEW, CLEAN_UP_1, CLEAN_UP_2, SETTLE -> true;
          case PUT_OFF, HOLD, RESUME, TELL, STABLE -> false;
        };
    process(id)
        .filter(process -> held)
        .ifPresent(process ->
            check(
                !process.ioRuns() && (next.stage() != Stage.NEW_VIEW || !process.isSettling()),
                "I/O of %s runs in %s".formatted(process, next.stage())));
  }

  /** The member has done what the stage before asks for. */
  private void hasPassed(Member member, View next) {
    process(member.id())
        .ifPresent(process -> {
          Set<String> did = passed.getOrDefault(process, Set.of());
          String what = "epoch %d, %s without %s".formatted(next.epoch(), next.stage(), process);
          switch (next.stage()) {
            case NEW_VIEW, CLEAN_UP_1, SETTLE -> check(!process.ioRuns(), what);
            case CLEAN_UP_2 -> check(did.contains("clean-up 1 of " + next.epoch()), what);
            case RESUME -> {
              check(did.contains("clean-up 2 of " + next.epoch()), what);
              check(did.contains("settle of " + next.epoch()), what);
            }
            case TELL -> {}
            case STABLE ->
                check(
                    isAway(member.id())
                        || told.getOrDefault(process, List.of()).containsAll(ownNews(member, next)),
                    what);
            case PUT_OFF, HOLD -> check(false, what);
          }
        });
  }

  private static List<View.News> ownNews(Member member, View next) {
    boolean joined =
        next.news().stream()
            .anyMatch(n -> n.kind() == View.News.Kind.UP && n.id().equals(member.id()));
    return next.news().stream()
        .dropWhile(item -> joined && !item.id().equals(member.id()))
        .toList();
  }

  // what the nodes hear

  private void leaseIsOver(Incarnation id, String where) {
    process(id)
        .ifPresent(process ->
            check(
                !process.membership().lease().isValid(),
                "%s is gone for %s, its lease ends in %s"
                    .formatted(id, where, process.membership().lease().remaining())));
  }

  void viewChanged(WorldMember who, Set<Long> incarnations) {
    for (Incarnation id : List.copyOf(sessions.keySet())) {
      if (id.number() < who.membership().standing().nextIncarnation()
          && !incarnations.contains(id.number())) {
        leaseIsOver(id, who.toString());
      }
    }
  }

  void told(WorldMember who, View.News item) {
    if (item.kind() != View.News.Kind.UP) {
      leaseIsOver(item.id(), who.toString());
    }
    told.computeIfAbsent(who, _ -> new ArrayList<>()).add(item);
  }

  void cleanedUp(WorldMember who, int phase, Set<Incarnation> gone, long epoch) {
    gone.forEach(id -> leaseIsOver(id, who.toString()));
    Set<Incarnation> before = dead.putIfAbsent(epoch, gone);
    check(before == null || before.equals(gone), "other dead in epoch " + epoch + " for " + who);
    passed.computeIfAbsent(who, _ -> new HashSet<>()).add("clean-up " + phase + " of " + epoch);
  }

  void settled(WorldMember who, long epoch) {
    passed.computeIfAbsent(who, _ -> new HashSet<>()).add("settle of " + epoch);
  }

  void resumed(WorldMember who) {
    for (WorldMember other : members) {
      check(
          other.equals(who) || other.number() != who.number() || !other.mayWrite(),
          "%s and %s may write".formatted(who, other));
      if (who.mayWrite() && other.mayWrite()) {
        check(
            goesBy(who).equals(goesBy(other)),
            "%s writes by %s, %s by %s".formatted(who, goesBy(who), other, goesBy(other)));
      }
    }
  }

  /** Some may have seen already that others have left. */
  private Set<Long> goesBy(WorldMember who) {
    Set<Long> incarnations = new TreeSet<>(who.membership().standing().view());
    left.forEach(id -> incarnations.remove(id.number()));
    return incarnations;
  }

  void halted(WorldMember who, HaltCode code, String text) {
    check(code != HaltCode.BUG && code != HaltCode.UNREADABLE, who + " " + code + ": " + text);
    check(code != HaltCode.CALLBACK_FAILED, who + " " + code + ": " + text);
    check(!who.membership().lease().isValid(), who + " halts with a lease");
  }

  /** Whether I/O runs on all that are up, but for what cannot be helped. */
  boolean ioGoesOn() {
    boolean settling = view.stage() == Stage.SETTLE || view.reached() == Stage.SETTLE;
    return (settling && !view.stable())
        || members.stream()
            .filter(WorldMember::isUp)
            .filter(m -> view.member(m.id().orElseThrow()).filter(Member::takesPart).isPresent())
            .allMatch(WorldMember::ioRuns);
  }

  // the end

  void end(int nodes) {
    members.forEach(m -> check(m.atRest(), m + " waits for an answer; view: " + view));
    check(view.stable(), "the regroup does not end: " + view);
    Set<Integer> up = new TreeSet<>();
    for (WorldMember member : members) {
      if (member.isUp()) {
        check(up.add(member.number()), "two processes are up as node " + member.number());
        check(member.ioRuns(), "I/O of " + member + " is held");
        check(view.member(member.id().orElseThrow()).isPresent(), member + " is not in the view");
      }
    }
    Set<Integer> inView =
        view.active().stream()
            .map(Incarnation::node)
            .collect(Collectors.toCollection(TreeSet::new));
    check(up.equals(inView), "up are %s, in the view %s".formatted(up, inView));
    check(up.size() == nodes, "up are " + up + " of " + nodes);
    told.forEach(this::sameOrder);
  }

  private void sameOrder(WorldMember who, List<View.News> heard) {
    int start = news.indexOf(heard.getFirst());
    check(
        start >= 0
            && start + heard.size() <= news.size()
            && news.subList(start, start + heard.size()).equals(heard),
        "%s heard %s of %s".formatted(who, heard, news));
  }
}
