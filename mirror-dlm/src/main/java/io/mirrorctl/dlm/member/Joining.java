package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.member.ViewEntry.Attempt;
import io.mirrorctl.dlm.member.ViewEntry.Outcome;
import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.OutcomeUnknownException;
import io.mirrorctl.dlm.store.SessionLostException;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.StoreException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * The way in: from a session to a place in the view. Fixes or takes over the cluster's settings,
 * waits for what the dead have left behind, and enters the view by one commit together with its
 * member and its lease entry. What comes after is the affair of {@link ClusterMember}.
 *
 * <p>Threading: the loop.
 */
final class Joining {

  /**
   * In the view.
   *
   * @param sent when the commit that made it so was sent: the first renewal of the lease
   */
  record Entered(Incarnation id, Link link, Heartbeat heartbeat, Lease.Sent sent) {}

  /** What a try comes to. */
  private sealed interface Step {
    record In(Incarnation id) implements Step {}

    record Fault(String why) implements Step {}

    /** Something has to happen before. */
    record Wait(String what) implements Step {}

    /** The settings are others than those that were read. */
    record Again() implements Step {}
  }

  private static final String SESSION = "a session with the servers";
  private static final Duration PAUSE = Duration.ofSeconds(1);

  private final MemberSettings settings;
  private final MemberPorts ports;
  private final OwnLoop loop;
  private final Lease lease;
  private final Link.Events events;
  private final CompletableFuture<Entered> entered = new CompletableFuture<>();
  private final CompletableFuture<JoinResult> failed = new CompletableFuture<>();
  private Heartbeat heartbeat;
  private Link link;
  private boolean open;
  private ClusterRecord cluster;
  private int clusterVersion;
  private Lease.Sent sent;
  private boolean trying;
  private boolean entering;
  private boolean over;
  private Optional<String> noSession = Optional.empty();
  private String waiting = SESSION;

  Joining(
      MemberSettings settings, MemberPorts ports, OwnLoop loop, Lease lease, Link.Events events) {
    this.settings = settings;
    this.ports = ports;
    this.loop = loop;
    this.lease = lease;
    this.events = events;
    this.heartbeat = settings.heartbeat();
  }

  CompletableFuture<Entered> entered() {
    return entered;
  }

  /** Why this node does not get in. */
  CompletableFuture<JoinResult> failed() {
    return failed;
  }

  /** What is waited for, for people. */
  String waiting() {
    return waiting + noSession.map(why -> ": " + why).orElse("");
  }

  Optional<Link> link() {
    return Optional.ofNullable(link);
  }

  /** Whether the node may be in the view already, without having heard of it. */
  boolean entering() {
    return entering && !over;
  }

  /** Gives up and ends the session, also one that comes late. */
  void stop() {
    over = true;
    if (link != null) {
      link.close();
    }
  }

  private void fail(JoinResult result) {
    if (!over) {
      stop();
      failed.complete(result);
    }
  }

  void fault(String why) {
    fail(new JoinResult.Fault("node %d cannot join: %s".formatted(settings.node(), why)));
  }

  /** The time for the join is over. */
  void timeout(Duration limit) {
    String text =
        "node %d has not joined in %d ms; it waited for: %s"
            .formatted(settings.node(), limit.toMillis(), waiting());
    fail(noSession.isPresent() ? new JoinResult.Transient(text) : new JoinResult.Timeout(text));
  }

  void sessionLost() {
    trouble(new SessionLostException("the session with the servers is over"));
  }

  private void trouble(Throwable failure) {
    if (isPermanent(failure)) {
      fault(failure.getMessage());
    } else {
      fail(
          new JoinResult.Transient(
              "node %d could not join: %s".formatted(settings.node(), failure.getMessage())));
    }
  }

  private static boolean isPermanent(Throwable failure) {
    return failure instanceof StoreException refused && refused.kind().isPermanent();
  }

  void start() {
    if (over) {
      return;
    }
    waiting = SESSION;
    try {
      loop.then(ports.connector().connect(heartbeat.sessionTimeout()), this::connected);
    } catch (RuntimeException e) {
      connected(null, e);
    }
  }

  private void connected(Store store, Throwable failure) {
    if (failure != null) {
      noSession(failure.getCause() instanceof StoreException why ? why : failure);
    } else if (over) {
      store.close();
    } else {
      noSession = Optional.empty();
      link = new Link(store, loop, settings, ports, events);
      open = false;
      readSettings();
    }
  }

  private void noSession(Throwable failure) {
    if (isPermanent(failure) || !(failure instanceof StoreException)) {
      trouble(failure);
    } else {
      noSession = Optional.of(failure.getMessage());
      loop.after(PAUSE, this::start);
    }
  }

  private void readSettings() {
    entering = false;
    waiting = "the cluster's settings";
    loop.when(
        link.store().read(Paths.CLUSTER),
        unlessOver(entry -> {
          if (entry.isEmpty()) {
            makeRecords();
          } else {
            settingsRead(entry.get());
          }
        }));
  }

  /** Goes on with the answer, unless the join is over; a failure is the end of the join. */
  private <T> BiConsumer<T, Throwable> unlessOver(Consumer<T> next) {
    return (answer, failure) -> {
      if (over) {
        return;
      }
      if (failure == null) {
        next.accept(answer);
      } else if (failure instanceof OutcomeUnknownException) {
        readSettings();
      } else {
        trouble(failure);
      }
    };
  }

  /** Somebody else may do so at the same time. */
  private void makeRecords() {
    loop.when(
        link.store()
            .commit(
                List.of(
                    create(Paths.CLUSTER, ClusterRecord.of(settings).encode()),
                    create(Paths.VIEW, ViewCodec.encode(View.EMPTY)),
                    create(Paths.NODES, Bytes.EMPTY),
                    create(Paths.LEASES, Bytes.EMPTY))),
        unlessOver(result -> {
          if (result instanceof CommitResult.Refused(int index, var reason)
              && !(index == 0 && reason == CommitResult.Reason.EXISTS)) {
            fault(
                "the cluster's first records cannot be made: part %d, %s".formatted(index, reason));
          } else {
            readSettings();
          }
        }));
  }

  private static Op create(String path, Bytes data) {
    return new Op.Create(path, data, Op.Life.PERSISTENT);
  }

  private void settingsRead(Entry entry) {
    try {
      cluster = ClusterRecord.decode(Paths.CLUSTER, entry.data());
    } catch (UnreadableRecordException e) {
      fault(e.getMessage());
      return;
    }
    clusterVersion = entry.version();
    loop.when(
        link.store().read(Paths.VIEW),
        unlessOver(view -> {
          if (view.isEmpty()) {
            fault(Paths.VIEW + " does not exist: somebody has removed the records");
          } else {
            viewRead(view.get());
          }
        }));
  }

  private void viewRead(Entry entry) {
    View found;
    try {
      found = ViewCodec.decode(Paths.VIEW, entry.data());
    } catch (UnreadableRecordException e) {
      fault(e.getMessage());
      return;
    }
    Heartbeat counts = found.active().isEmpty() ? settings.heartbeat() : cluster.heartbeat();
    boolean sameSession = counts.sessionTimeout().equals(heartbeat.sessionTimeout());
    heartbeat = counts;
    if (!sameSession) {
      link.close();
      start();
    } else if (!open) {
      waiting = "the view";
      open = true;
      loop.when(link.open(), unlessOver(_ -> ready()));
    } else {
      ready();
    }
  }

  private void ready() {
    trying = false;
    progress();
  }

  /** Tries to enter, unless a try is under way. */
  void progress() {
    if (over || !open || trying) {
      return;
    }
    trying = true;
    loop.when(link.view().change(this::attempt), this::tried);
  }

  private Attempt<Step> attempt(View now) {
    Optional<Member> self =
        now.node(settings.node()).filter(m -> m.session() == link.store().sessionId());
    if (self.isPresent()) {
      return nothing(now, new Step.In(self.get().id()));
    }
    Peers peers = link.peers();
    Set<Incarnation> sure = link.deaths().sure(now);
    List<Incarnation> others = new ArrayList<>(now.active());
    others.removeAll(sure);
    boolean alone = others.stream().allMatch(peers::isAway);
    if (!alone) {
      if (!cluster.heartbeat().equals(heartbeat)) {
        return nothing(now, new Step.Again());
      }
      List<String> mismatches = cluster.mismatches(settings);
      if (!mismatches.isEmpty()) {
        return nothing(now, new Step.Fault(String.join("; ", mismatches)));
      }
    }
    Optional<Incarnation> same =
        others.stream().filter(id -> id.node() == settings.node()).findFirst();
    if (same.isPresent() && !peers.isAway(same.get())) {
      return nothing(
          now,
          peers.hasRenewed(same.get())
              ? new Step.Fault(same.get() + " is up: two nodes cannot have one number")
              : new Step.Wait(same.get() + " has a session; whether it lives is not known yet"));
    }
    for (Member member : link.deaths().pending(now)) {
      boolean quiet = member.state() == Member.State.QUIET;
      if (!sure.contains(member.id()) && (alone || !quiet || isSameNumber(member))) {
        return nothing(
            now,
            new Step.Wait(member.id() + ": " + link.deaths().waiting(member).orElse("it is away")));
      }
    }
    return enter(now, sure, others.isEmpty());
  }

  private boolean isSameNumber(Member member) {
    return member.id().node() == settings.node();
  }

  private static Attempt<Step> nothing(View now, Step why) {
    return new Attempt<>(now, List.of(), why);
  }

  private Attempt<Step> enter(View now, Set<Incarnation> dead, boolean first) {
    var id = new Incarnation(settings.node(), now.nextIncarnation());
    Store store = link.store();
    long timeoutMillis = store.sessionTimeout().toMillis();
    var own = new ClusterRecord(heartbeat, settings.announced());
    List<Op> guards = new ArrayList<>();
    guards.add(
        first && !own.equals(cluster)
            ? new Op.Put(Paths.CLUSTER, own.encode(), clusterVersion)
            : new Op.Check(Paths.CLUSTER, clusterVersion));
    var record = new MemberRecord(id, timeoutMillis, settings.announced(), Optional.empty());
    guards.add(new Op.Create(Paths.node(id), record.encode(), Op.Life.EPHEMERAL));
    guards.add(new Op.Create(Paths.lease(id), Renewals.first(), Op.Life.EPHEMERAL));
    View next =
        Regroup.begin(
            now,
            dead,
            Optional.of(Member.joining(id, store.sessionId(), timeoutMillis)),
            id + " joins");
    sent = lease.now();
    entering = true;
    return new Attempt<>(next, guards, new Step.In(id));
  }

  private void tried(Outcome<Step> outcome) {
    if (over) {
      return;
    }
    switch (outcome) {
      case Outcome.Done<Step>(Step.In(var id)) -> {
        over = true;
        entered.complete(new Entered(id, link, heartbeat, sent));
      }
      case Outcome.Done<Step>(Step.Fault(var why)) -> fault(why);
      case Outcome.Done<Step>(Step.Wait(var what)) -> {
        waiting = what;
        trying = false;
        entering = false;
      }
      // the settings have changed: trying goes on when they are read
      case Outcome.Done<Step>(Step.Again()) -> readSettings();
      case Outcome.Refused<Step> _ -> readSettings();
      case Outcome.Over<Step>() -> {}
    }
  }
}
