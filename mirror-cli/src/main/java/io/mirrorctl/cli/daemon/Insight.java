package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.cluster.ClusterLook;
import io.mirrorctl.cli.cluster.ClusterSeat;
import io.mirrorctl.core.Mirror;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.resync.SyncProgress;
import io.mirrorctl.dlm.cluster.ClusterArray;
import io.mirrorctl.dlm.lock.SlotState;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Says who has what, and who waits for whom.
 *
 * <p>Threading: any thread; methods block, within limits.
 */
final class Insight implements AutoCloseable {
  /** So finely the age of requests is known. */
  private static final long LOOK_MILLIS = 500;

  private static final System.Logger LOG = System.getLogger(Insight.class.getName());

  private final SlotNames slots;
  private final NodeArrays arrays;
  private final Scans scans;
  private final Announcements announcements;
  private final RunningCommands commands;
  private final Env env;

  /** When slots that wait for a takeover were first seen to. */
  private final Map<LeftSlot, Long> left = new ConcurrentHashMap<>();

  private Future<?> looking = CompletableFuture.completedFuture(null);

  private record LeftSlot(String array, int slot, long generation) {}

  Insight(SlotNames slots, NodeArrays arrays, Scans scans, Announcements announcements, Env env) {
    this.slots = slots;
    this.announcements = announcements;
    this.scans = scans;
    this.arrays = arrays;
    this.commands = new RunningCommands(env);
    this.env = env;
  }

  /** Begins to look how long things last. */
  void start() {
    looking =
        env.timer()
            .scheduleAtFixedRate(this::look, LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
  }

  @Override
  public void close() {
    looking.cancel(false);
  }

  private void look() {
    try {
      lookAtAll();
    } catch (RuntimeException e) {
      LOG.log(Level.ERROR, "looking how long things last failed by a bug", e);
    }
  }

  private void lookAtAll() {
    arrays.turn();
    Set<LeftSlot> now = new HashSet<>();
    for (ClusterArray array : shared()) {
      List<SlotState> states = array.lockspace().view().slots();
      for (int slot = 0; slot < states.size(); slot++) {
        if (states.get(slot) instanceof SlotState.NeedsTakeover gone) {
          now.add(new LeftSlot(array.name(), slot, gone.generation()));
        }
      }
    }
    left.keySet().retainAll(now);
    now.forEach(slot -> left.putIfAbsent(slot, env.millis()));
  }

  /** The request is being carried out from now on, until this is closed. */
  RunningCommands.Running begin(NodeRequest request) {
    return commands.begin(request);
  }

  /** The locks of one shared array, or of all. */
  List<ArrayLocks> locks(Optional<String> name) throws IOException {
    ClusterSeat seat =
        slots
            .seat()
            .orElseThrow(() ->
                ArrayException.failed(
                    "node %s belongs to no cluster, so its arrays have no locks; start it with --cluster and --zookeeper to share them"
                        .formatted(slots.self())));
    List<ArrayLocks> all = new ArrayList<>();
    for (ClusterArray array : name.isPresent() ? List.of(shared(name.get())) : shared()) {
      all.add(locksOf(array, seat));
    }
    return all;
  }

  private ArrayLocks locksOf(ClusterArray array, ClusterSeat seat) throws IOException {
    return ArrayLocks.of(
        array.name(),
        array.lockspace().name(),
        seat.locks(array),
        seat::nameOf,
        env.wallClock().instant());
  }

  /** Who waits, and for whom: about one array, or about all and the node. */
  List<Waiter> why(Optional<String> name) throws IOException {
    List<WaitSources.Away> away =
        Stream.concat(arrays.away().stream(), missing())
            .filter(gone -> isMeant(gone.array(), name))
            .toList();
    List<NodeArray> all =
        name.isEmpty()
            ? List.copyOf(arrays.all())
            : away.isEmpty() ? List.of(arrays.find(name.get())) : List.of();
    Optional<ClusterLook> cluster = Optional.empty();
    Optional<String> silence = Optional.empty();
    if (slots.seat().isPresent()) {
      try {
        cluster = Optional.of(slots.seat().get().look());
      } catch (IOException e) {
        silence = Optional.of(e.getMessage());
      }
    }
    List<WaitSources.OfArray> seen = new ArrayList<>();
    for (NodeArray array : all) {
      seen.add(source(array, cluster));
    }
    return WaitChains.of(
        new WaitSources(
            slots.self(),
            cluster,
            silence,
            seen,
            away,
            commands.all().stream()
                .filter(
                    command -> command.array().isEmpty() || isMeant(command.array().get(), name))
                .map(command ->
                    new WaitSources.Command(command.text(), command.array(), command.millis()))
                .toList()));
  }

  private Stream<WaitSources.Away> missing() {
    return scans.missing().stream()
        .map(array ->
            new WaitSources.Away(
                array.name(),
                scans.reason(array.name()).orElse("it was not tried yet"),
                WaitSources.Away.Cause.NEVER_IN_USE,
                OptionalLong.empty()));
  }

  private static boolean isMeant(String array, Optional<String> name) {
    return name.isEmpty() || name.get().equals(array);
  }

  private WaitSources.OfArray source(NodeArray array, Optional<ClusterLook> cluster) {
    Mirror mirror = array.mirror();
    return new WaitSources.OfArray(
        array.name(),
        array.clients().underWay().oldest(),
        mirror.array().waits(),
        mirror.array().status().members().stream().flatMap(m -> disk(m.disk()).stream()).toList(),
        mirror.sync().progress().map(SyncProgress::action),
        mirror.sync().isPaused() && !mirror.sync().isIdle(),
        announcements.searched(array.name()),
        array.shared().map(shared -> source(shared, cluster)));
  }

  private Optional<WaitSources.Disk> disk(String name) {
    return arrays
        .disk(name)
        .flatMap(disk -> disk.underWay().oldest())
        .map(oldest -> new WaitSources.Disk(name, oldest));
  }

  private WaitSources.Shared source(ClusterArray array, Optional<ClusterLook> cluster) {
    ClusterSeat seat = slots.seat().orElseThrow();
    boolean answers =
        cluster.flatMap(ClusterLook::lease).filter(lease -> !lease.zookeeperSilent()).isPresent();
    Map<Integer, String> nodes = new HashMap<>();
    List<WaitSources.Left> gone = new ArrayList<>();
    List<SlotState> states = array.lockspace().view().slots();
    for (int slot = 0; slot < states.size(); slot++) {
      switch (states.get(slot)) {
        case SlotState.Free _ -> {}
        case SlotState.Member(int node, var _) -> nodes.put(slot, seat.nameOf(node));
        case SlotState.NeedsTakeover(int node, var _, long generation) -> {
          nodes.put(slot, seat.nameOf(node));
          long now = env.millis();
          long since = left.getOrDefault(new LeftSlot(array.name(), slot, generation), now);
          gone.add(
              new WaitSources.Left(slot, nodes.get(slot), now - since, array.takeoverTrouble()));
        }
      }
    }
    return new WaitSources.Shared(
        array.slot(), nodes, answers ? locks(array, seat) : Optional.empty(), gone);
  }

  /** What can be said without them is said all the same. */
  private Optional<ArrayLocks> locks(ClusterArray array, ClusterSeat seat) {
    try {
      return Optional.of(locksOf(array, seat));
    } catch (IOException e) {
      LOG.log(Level.INFO, "{0}", e.getMessage());
      return Optional.empty();
    }
  }

  private List<ClusterArray> shared() {
    return arrays.all().stream().flatMap(array -> array.shared().stream()).toList();
  }

  private ClusterArray shared(String name) throws ArrayException {
    return arrays
        .find(name)
        .shared()
        .orElseThrow(() ->
            ArrayException.failed(
                "%s has no locks: it is this node's own; only arrays with a clustered bitmap are shared"
                    .formatted(name)));
  }
}
