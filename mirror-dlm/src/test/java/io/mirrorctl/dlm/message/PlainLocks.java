package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.Grant;
import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.LockOutcome;
import io.mirrorctl.dlm.lock.LockRequest;
import io.mirrorctl.dlm.lock.RunOutcome;
import io.mirrorctl.dlm.lock.ValueBlock;
import io.mirrorctl.dlm.message.ChannelLocks.Ask;
import io.mirrorctl.dlm.simulation.SimulatedNode;
import io.mirrorctl.dlm.simulation.Simulation;
import io.mirrorctl.dlm.store.Bytes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * The three locks of the exchange for the nodes of a simulation, as plainly as can be: one object
 * that everybody shares, changed at random moments after a node has asked, telling its nodes at
 * random moments after that. Deaths are purged some time later, with grants frozen until each
 * survivor was told.
 */
final class PlainLocks {
  /** What stands in a queue or is granted. */
  private static final class Entry {
    private final Member owner;
    private Optional<LockMode> held;
    private Optional<LockMode> wanted = Optional.empty();
    private Bytes note = Bytes.EMPTY;

    Entry(Member owner) {
      this.owner = owner;
      this.held = Optional.empty();
    }
  }

  private final Simulation simulation;
  private final Map<String, List<Entry>> entries = new TreeMap<>();
  private final Map<String, ValueBlock> values = new HashMap<>();
  private final Map<Integer, Member> members = new TreeMap<>();
  private final List<Runnable> observers = new ArrayList<>();
  private long commits;
  private long generation = 1;

  PlainLocks(Simulation simulation) {
    this.simulation = simulation;
  }

  private List<Entry> of(String resource) {
    return entries.computeIfAbsent(resource, _ -> new ArrayList<>());
  }

  private ValueBlock valueOf(String resource) {
    return values.getOrDefault(resource, ValueBlock.ZERO);
  }

  /** Told after each change of the locks. */
  void onChange(Runnable observer) {
    observers.add(observer);
  }

  long commits() {
    return commits;
  }

  /** Slots of the members that are not purged. */
  Set<Integer> slots() {
    return members.keySet();
  }

  /** The mode that a slot holds, and the one it waits for. */
  String mode(int slot, String resource) {
    return of(resource).stream()
        .filter(entry -> entry.owner.slot == slot)
        .map(entry ->
            entry.held.map(Enum::name).orElse(entry.wanted.isPresent() ? "" : "-")
                + entry.wanted.map(mode -> "->" + mode).orElse(""))
        .findAny()
        .orElse("-");
  }

  Bytes value(String resource) {
    return valueOf(resource).content();
  }

  private void lookAround() {
    List.copyOf(observers).forEach(Runnable::run);
  }

  Member join(SimulatedNode node, int slot) {
    var member = new Member(node, slot);
    members.put(slot, member);
    return member;
  }

  /** Dead to the others from now on. */
  void purge(int slot) {
    Member dead = members.remove(slot);
    if (dead == null) {
      return;
    }
    dead.gone = true;
    generation++;
    commits++;
    for (Member survivor : members.values()) {
      survivor.freeze(slot);
    }
    for (String resource : List.copyOf(entries.keySet())) {
      for (Entry entry : List.copyOf(of(resource))) {
        if (entry.owner == dead) {
          of(resource).remove(entry);
          if (entry.held.filter(mode -> mode.compareTo(LockMode.PW) >= 0).isPresent()) {
            values.put(resource, new ValueBlock(valueOf(resource).content(), false));
          }
        }
      }
      serve(resource);
    }
    lookAround();
  }

  private void serve(String resource) {
    if (serve(resource, true)) {
      serve(resource, false);
    }
  }

  private boolean serve(String resource, boolean conversions) {
    for (Entry entry : List.copyOf(of(resource))) {
      if (entry.wanted.isPresent() && entry.held.isPresent() == conversions) {
        if (!suits(resource, entry, entry.wanted.get())) {
          return false;
        }
        entry.held = entry.wanted;
        entry.wanted = Optional.empty();
        entry.owner.granted(resource);
      }
    }
    return true;
  }

  private boolean suits(String resource, Entry own, LockMode mode) {
    return of(resource).stream()
        .filter(entry -> entry != own)
        .flatMap(entry -> entry.held.stream())
        .allMatch(mode::isCompatibleWith);
  }

  private void tellBlocked(String resource) {
    for (Entry entry : of(resource)) {
      entry.wanted.ifPresent(wanted ->
          of(resource).stream()
              .filter(other -> other != entry)
              .filter(
                  other -> other.held.filter(held -> !held.isCompatibleWith(wanted)).isPresent())
              .forEach(other -> other.owner.blocked(resource)));
    }
  }

  /** Steps of one owner; those that are left follow when the one in the queue is granted. */
  private final class Run {
    private final Member owner;
    private final List<Ask> asks;
    private final List<Grant> grants = new ArrayList<>();
    private final CompletableFuture<RunOutcome> told = new CompletableFuture<>();
    private boolean queued;

    Run(Member owner, List<Ask> asks) {
      this.owner = owner;
      this.asks = asks;
    }

    boolean touches(String resource) {
      return asks.stream().anyMatch(ask -> ask.resource().equals(resource));
    }

    void goOn() {
      commits++;
      while (grants.size() < asks.size()) {
        Ask ask = asks.get(grants.size());
        LockRequest request = ask.request();
        Entry own = owner.entry(ask.resource());
        if (!canBeNow(ask.resource(), own, request.mode())) {
          if (request.noQueue()) {
            end(new LockOutcome.Busy());
          } else if (own.held.isPresent() && holdsUpAConversion(ask.resource(), own)) {
            end(new LockOutcome.Deadlock());
          } else {
            own.wanted = Optional.of(request.mode());
            own.note = request.note();
            of(ask.resource()).remove(own);
            of(ask.resource()).add(own);
            queued = true;
            break;
          }
          lookAround();
          return;
        }
        if (own.held.filter(held -> writes(held, request.mode())).isPresent()) {
          request
              .value()
              .ifPresent(value -> values.put(ask.resource(), new ValueBlock(value, true)));
        }
        own.held = Optional.of(request.mode());
        own.note = request.note();
        grant(ask.resource());
        serve(ask.resource());
      }
      for (String resource : List.copyOf(entries.keySet())) {
        tellBlocked(resource);
      }
      if (grants.size() == asks.size()) {
        end(new LockOutcome.Granted(grants.getLast()));
      }
      lookAround();
    }

    private boolean canBeNow(String resource, Entry own, LockMode mode) {
      boolean queues = of(resource).stream().anyMatch(entry -> entry.wanted.isPresent());
      return mode == LockMode.NL
          || (suits(resource, own, mode) && (own.held.isPresent() || !queues));
    }

    private boolean holdsUpAConversion(String resource, Entry own) {
      return of(resource).stream()
          .filter(entry -> entry != own && entry.held.isPresent())
          .flatMap(entry -> entry.wanted.stream())
          .anyMatch(wanted -> !wanted.isCompatibleWith(own.held.orElseThrow()));
    }

    void grant(String resource) {
      var notes = new HashMap<Integer, Bytes>();
      for (Entry entry : of(resource)) {
        if (entry.owner != owner && entry.note.size() > 0) {
          notes.put(entry.owner.slot, entry.note);
        }
      }
      grants.add(
          new Grant(
              owner.entry(resource).held.orElseThrow(),
              valueOf(resource),
              generation,
              commits,
              notes));
    }

    void end(LockOutcome last) {
      owner.runs.remove(this);
      owner.tell(() -> told.complete(new RunOutcome(grants, last)));
    }

    void cancel() {
      if (queued) {
        queued = false;
        Ask waiting = asks.get(grants.size());
        Entry own = owner.entry(waiting.resource());
        own.wanted = Optional.empty();
        if (own.held.isEmpty()) {
          of(waiting.resource()).remove(own);
        }
        serve(waiting.resource());
      }
      end(new LockOutcome.Cancelled());
      lookAround();
    }
  }

  private static boolean writes(LockMode held, LockMode wanted) {
    return held == LockMode.EX || (held == LockMode.PW && wanted != LockMode.EX);
  }

  /** One node's part. */
  final class Member implements ChannelLocks {
    private final SimulatedNode node;
    private final int slot;
    private final List<Run> runs = new ArrayList<>();
    private final List<Runnable> deferred = new ArrayList<>();
    private int frozen;
    private boolean gone;
    private String ownAck = "";
    private Runnable ackWanted = () -> {};
    private Consumer<Integer> died = _ -> {};
    private Runnable prep = () -> {};
    private Runnable done = () -> {};
    private Consumer<List<Ask>> beforeRun = _ -> {};
    private long tellAt;

    private Member(SimulatedNode node, int slot) {
      this.node = node;
      this.slot = slot;
    }

    void listen(BroadcastChannel channel) {
      ownAck = channel.ownAck();
      ackWanted = channel::ackWanted;
      prep = () -> channel.prep(generation);
      died = dead -> channel.slot(dead, dead, generation);
      done = () -> channel.done(generation);
    }

    /** Sees each run before anything comes of it. */
    void beforeRun(Consumer<List<Ask>> look) {
      beforeRun = look;
    }

    private Entry entry(String resource) {
      return of(resource).stream()
          .filter(entry -> entry.owner == this)
          .findAny()
          .orElseGet(() -> {
            var entry = new Entry(this);
            of(resource).add(entry);
            return entry;
          });
    }

    @Override
    public int slot() {
      return slot;
    }

    @Override
    public Set<Integer> members() {
      return Set.copyOf(members.keySet());
    }

    @Override
    public CompletableFuture<ValueBlock> read(String resource) {
      var told = new CompletableFuture<ValueBlock>();
      sent(() -> {
        ValueBlock value = valueOf(resource);
        tell(() -> told.complete(value));
      });
      return told;
    }

    @Override
    public CompletableFuture<RunOutcome> run(List<Ask> asks) {
      var run = new Run(this, asks);
      for (Run other : runs) {
        for (Ask ask : asks) {
          if (other.touches(ask.resource())) {
            throw new IllegalStateException(
                "slot %d asks for %s while %s is under way".formatted(slot, asks, other.asks));
          }
        }
      }
      runs.add(run);
      beforeRun.accept(asks);
      sent(() -> {
        if (runs.contains(run)) {
          run.goOn();
        }
      });
      return run.told;
    }

    /** Something that this node's request does to the locks when it gets there. */
    private void sent(Runnable change) {
      if (node.isRunning()) {
        simulation.after(
            delay(),
            () -> {
              if (gone) {
                return;
              }
              if (frozen > 0) {
                deferred.add(change);
              } else {
                change.run();
              }
            });
      }
    }

    private void granted(String resource) {
      for (Run run : List.copyOf(runs)) {
        if (run.queued && run.asks.get(run.grants.size()).resource().equals(resource)) {
          run.queued = false;
          run.grant(resource);
          // the grant stands; the node hears of it and makes the next commit
          if (run.grants.size() == run.asks.size()) {
            run.end(new LockOutcome.Granted(run.grants.getLast()));
          } else {
            hear(() ->
                sent(() -> {
                  if (runs.contains(run)) {
                    run.goOn();
                  }
                }));
          }
        }
      }
    }

    private void blocked(String resource) {
      if (resource.equals(ownAck)) {
        hear(ackWanted);
      }
    }

    private void tell(Runnable news) {
      hear(news);
    }

    private void hear(Runnable news) {
      if (frozen > 0) {
        deferred.add(() -> hear(news));
        return;
      }
      tellAt = Math.max(tellAt + 1, simulation.nanos() + delay().toNanos());
      simulation.after(
          Duration.ofNanos(tellAt - simulation.nanos()), () -> node.loop().execute(news));
    }

    private void freeze(int dead) {
      frozen++;
      simulation.after(delay(), () -> node.loop().execute(prep));
      simulation.after(
          delay().plusMillis(5),
          () ->
              node.loop()
                  .execute(() -> {
                    died.accept(dead);
                    frozen--;
                    done.run();
                    if (frozen == 0) {
                      var late = List.copyOf(deferred);
                      deferred.clear();
                      late.forEach(Runnable::run);
                    }
                  }));
    }

    @Override
    public void cancel(String resource) {
      for (Run run : List.copyOf(runs)) {
        if (run.touches(resource) && frozen > 0) {
          run.cancel();
        } else if (run.touches(resource)) {
          sent(() -> {
            if (runs.contains(run)) {
              run.cancel();
            }
          });
        }
      }
    }

    @Override
    public CompletableFuture<Set<Integer>> heldUpBy() {
      var slots = new TreeSet<Integer>();
      for (String resource : List.copyOf(entries.keySet())) {
        entry(resource)
            .wanted
            .ifPresent(wanted ->
                of(resource).stream()
                    .filter(other -> other.owner != this)
                    .filter(other ->
                        other.held.filter(held -> !held.isCompatibleWith(wanted)).isPresent())
                    .forEach(other -> slots.add(other.owner.slot)));
      }
      return CompletableFuture.completedFuture(slots);
    }

    @Override
    public CompletableFuture<Void> release() {
      var told = new CompletableFuture<Void>();
      sent(() -> {
        commits++;
        for (String resource : List.copyOf(entries.keySet())) {
          of(resource).removeIf(entry -> entry.owner == this);
          serve(resource);
        }
        tell(() -> told.complete(null));
        lookAround();
      });
      return told;
    }

    private Duration delay() {
      return Duration.ofNanos(simulation.random().nextLong(1_000, 2_000_000));
    }
  }
}
