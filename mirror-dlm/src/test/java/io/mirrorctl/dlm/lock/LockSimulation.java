package io.mirrorctl.dlm.lock;

import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.lock.LockRig.RigNode;
import io.mirrorctl.dlm.simulation.MemoryStore;
import io.mirrorctl.dlm.simulation.SimulatedNode;
import io.mirrorctl.dlm.store.Store;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/**
 * One seed's life of a few nodes that take, convert, cancel and drop locks while they pause, die,
 * lose connections and sessions, are ejected, leave and join, and commits lose their answers. At
 * the end the faults stop, and everybody has to be served.
 */
final class LockSimulation {
  static final List<String> RESOURCES = List.of("r0", "r1", "r2");

  private static final Duration BUSY_TIME = Duration.ofSeconds(12);
  private static final Duration LONG = Duration.ofMinutes(2);
  private static final int MOST_NODES = 5;

  private final long seed;
  private final LockRig rig;
  private final SplittableRandom random;
  private final History history = new History();
  private final List<LockWorker> workers = new ArrayList<>();
  private final Map<LockWorker, RigNode> places = new HashMap<>();

  LockSimulation(long seed, UnaryOperator<Store> between) {
    this.seed = seed;
    rig = new LockRig(seed);
    rig.between = between;
    rig.session = Duration.ofSeconds(3);
    rig.slowestNews = Duration.ofMillis(200);
    random = rig.simulation.random();
  }

  /** What is wrong with this life. */
  List<String> run() {
    int nodes = random.nextInt(2, 5);
    for (int i = 0; i < nodes; i++) {
      begin();
    }
    int faults = random.nextInt(8);
    for (int i = 0; i < faults; i++) {
      rig.simulation.after(within(BUSY_TIME), this::fault);
    }
    watch();
    rig.simulation.run(BUSY_TIME);
    calm();
    List<String> complaints = new ArrayList<>(quiet());
    complaints.addAll(HistoryChecker.check(history.events()));
    return complaints;
  }

  private Duration within(Duration most) {
    return Duration.ofMillis(random.nextLong(most.toMillis()));
  }

  private void begin() {
    Place place = new Place(rig.node());
    LockWorker worker = new LockWorker(place, place::record, random.split());
    places.put(worker, place.node());
    workers.add(worker);
    worker.join();
  }

  /** A simulated node as the place of a worker. */
  private final class Place implements LockWorker.Home {
    private final RigNode node;

    Place(RigNode node) {
      this.node = node;
    }

    RigNode node() {
      return node;
    }

    void record(History.What what) {
      history.add(rig.simulation.nanos(), name(), what);
    }

    @Override
    public String name() {
      return "node " + node.node();
    }

    @Override
    public long number() {
      return node.node();
    }

    @Override
    public Loop loop() {
      return node.node.loop();
    }

    @Override
    public CompletableFuture<JoinOutcome> join(LockspaceListener listener) {
      return node.join(LockRig.SETTINGS, listener);
    }

    @Override
    public void entered(Lockspace lockspace) {
      node.lockspace = lockspace;
    }

    @Override
    public void left() {
      rig.gone(node);
    }
  }

  private RigNode node(LockWorker worker) {
    return places.get(worker);
  }

  private List<LockWorker> alive() {
    return workers.stream().filter(worker -> !rig.isGone(node(worker))).toList();
  }

  /** Membership: who lost its session is dead some time later. */
  private void watch() {
    for (LockWorker worker : alive()) {
      RigNode node = node(worker);
      if (node.node.isKilled() || !rig.servers.isAlive(node.store.sessionId())) {
        rig.simulation.after(within(Duration.ofSeconds(1)), () -> gone(worker));
      }
    }
    rig.simulation.after(Duration.ofMillis(200), this::watch);
  }

  private void gone(LockWorker worker) {
    if (!rig.isGone(node(worker))) {
      worker.over();
      rig.gone(node(worker));
    }
  }

  private void fault() {
    List<LockWorker> alive = alive();
    if (alive.isEmpty()) {
      begin();
      return;
    }
    LockWorker worker = alive.get(random.nextInt(alive.size()));
    SimulatedNode node = node(worker).node;
    MemoryStore store = node(worker).store;
    switch (random.nextInt(9)) {
      case 0 -> store.dropConnection();
      case 1, 2 -> {
        MemoryStore.Fate[] fates = MemoryStore.Fate.values();
        store.loseAnswer(random.nextInt(1, 6), fates[random.nextInt(fates.length)]);
      }
      case 3 -> {
        node.cut();
        rig.simulation.after(within(Duration.ofSeconds(6)), node::restore);
      }
      case 4 -> {
        node.pause();
        rig.simulation.after(within(Duration.ofSeconds(6)), node::resume);
      }
      case 5 -> {
        worker.over();
        node.kill();
      }
      case 6 -> {
        Duration lease = within(Duration.ofSeconds(4));
        var _ =
            node(worker).poison().thenRun(() -> rig.simulation.after(lease, () -> gone(worker)));
      }
      case 7 -> rig.servers.expire(store.sessionId());
      default -> {
        if (alive.size() < MOST_NODES) {
          begin();
        }
      }
    }
  }

  private void calm() {
    for (LockWorker worker : workers) {
      node(worker).node.restore();
      node(worker).node.resume();
      worker.stopWorking();
    }
  }

  /** Everybody comes to rest, then everybody is served. */
  private List<String> quiet() {
    if (alive().isEmpty()) {
      begin();
      workers.getLast().stopWorking();
    }
    if (!rig.simulation.runUntil(() -> alive().stream().allMatch(LockWorker::isQuiet), LONG)) {
      return List.of("I9: not quiet: " + alive().stream().filter(w -> !w.isQuiet()).toList());
    }
    for (LockWorker worker : alive()) {
      worker.takeEverythingOnce();
      if (random.nextInt(3) == 0) {
        SimulatedNode node = node(worker).node;
        rig.simulation.after(within(Duration.ofMillis(100)), node::cut);
        rig.simulation.after(Duration.ofMillis(300), node::restore);
      }
    }
    if (!rig.simulation.runUntil(() -> alive().stream().allMatch(LockWorker::isServed), LONG)) {
      return List.of("I9: not served: " + alive().stream().filter(w -> !w.isServed()).toList());
    }
    return List.of();
  }

  /** What happened, for a reader who looks for the cause. */
  String story() {
    return history.events().stream().map(History.Event::toString).collect(Collectors.joining("\n"));
  }

  @Override
  public String toString() {
    return "seed %d".formatted(seed);
  }
}
