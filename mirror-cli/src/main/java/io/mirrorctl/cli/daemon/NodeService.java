package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.cluster.ClusterSeat;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.array.Members;
import io.mirrorctl.core.array.Patience;
import io.mirrorctl.core.array.RefusedElsewhere;
import io.mirrorctl.core.array.Scrubbing;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.resync.ScrubReport;
import io.mirrorctl.core.resync.SyncSpeed;
import io.mirrorctl.core.resync.SyncThread;
import io.mirrorctl.dlm.cluster.ClusterArray;
import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/**
 * Does what clients ask of this node.
 *
 * <p>Threading: any thread; requests that take long hold nothing that others need.
 */
final class NodeService {
  /** How often somebody who waits hears how far it has come, and looks whether it is over. */
  private static final long TICK_MILLIS = 200;

  private static final long HEARTBEAT_MILLIS = 1000;

  private final SlotNames slots;
  private final NodeArrays arrays;
  private final Announcements announcements;
  private final Scans scans;
  private final EventFeed events;
  private final Insight insight;
  private final Env env;

  NodeService(
      SlotNames slots,
      NodeArrays arrays,
      Announcements announcements,
      Scans scans,
      EventFeed events,
      Insight insight,
      Env env) {
    this.slots = slots;
    this.arrays = arrays;
    this.announcements = announcements;
    this.scans = scans;
    this.events = events;
    this.insight = insight;
    this.env = env;
  }

  /** Where progress goes. It throws if nobody is there any more, and the request ends then. */
  interface Listener {
    void progress(Object value) throws IOException;

    /** Only shows that the node lives, and finds out whether the client does. */
    void heartbeat() throws IOException;
  }

  /** Carries a request out and returns the answer. */
  Object serve(NodeRequest request, Listener listener) throws IOException, InterruptedException {
    try (var _ = insight.begin(request)) {
      return answer(request, listener);
    }
  }

  private Object answer(NodeRequest request, Listener listener)
      throws IOException, InterruptedException {
    return switch (request) {
      case NodeRequest.Assemble r -> detail(arrays.assemble(r));
      case NodeRequest.Scan _ -> scans.scan();
      case NodeRequest.Stop r -> {
        if (!scans.forget(r.array())) {
          arrays.stop(r.array());
        }
        yield List.of();
      }
      case NodeRequest.Detail r -> detail(r.array());
      case NodeRequest.Status _ -> status();
      case NodeRequest.Add r -> add(r, listener);
      case NodeRequest.Confirm r -> confirm(r);
      case NodeRequest.Fail r -> change(r.array(), array -> members(array).fail(r.disk()));
      case NodeRequest.Remove r -> change(r.array(), array -> members(array).remove(r.disk()));
      case NodeRequest.ReAdd r -> reAdd(r, listener);
      case NodeRequest.Replace r -> replace(r, listener);
      case NodeRequest.Grow r -> change(r.array(), array -> grow(array, r));
      case NodeRequest.Scrub r -> scrub(r, listener);
      case NodeRequest.Sync r -> sync(r);
      case NodeRequest.Wait r -> await(r, listener);
      case NodeRequest.Monitor _ -> monitor(listener);
      case NodeRequest.DryRun r -> new NodeRequest.Outcome(dryRun(r.change()));
      case NodeRequest.Members _ -> seat().members();
      case NodeRequest.Locks r -> insight.locks(r.array());
      case NodeRequest.Why r -> insight.why(r.array());
      case NodeRequest.Eject r -> new NodeRequest.Outcome(seat().eject(r.node(), r.fenced()));
      case NodeRequest.Regroup _ -> new NodeRequest.Outcome(seat().regroup());
      case NodeRequest.Leave _ -> leave();
    };
  }

  private ArrayDetail detail(String array) throws IOException {
    Optional<String> missing = scans.reason(array);
    if (missing.isPresent()) {
      throw ArrayException.failed(
          "%s is not in use yet, which is tried again until stop %s: %s"
              .formatted(array, array, missing.get()));
    }
    return detail(arrays.find(array));
  }

  private ArrayDetail detail(NodeArray array) {
    return ArrayDetail.of(array, slots.of(array));
  }

  private List<ArraySummary> status() {
    return Stream.of(
            arrays.all().stream().map(array -> ArraySummary.of(array, slots.of(array))),
            arrays.halted().stream(),
            scans.missing().stream())
        .flatMap(all -> all)
        .sorted(Comparator.comparing(ArraySummary::name))
        .toList();
  }

  private ClusterSeat seat() throws IOException {
    return slots
        .seat()
        .orElseThrow(() ->
            ArrayException.failed(
                "node %s belongs to no cluster; start it with --cluster and --zookeeper"
                    .formatted(slots.self())));
  }

  private NodeRequest.Outcome leave() throws IOException, InterruptedException {
    ClusterSeat seat = seat();
    seat.prepareToLeave();
    try {
      arrays.stopShared();
    } finally {
      seat.leave();
    }
    return new NodeRequest.Outcome(
        "node %s has left cluster %s, and runs on for its other arrays; start it again to have it back"
            .formatted(slots.self(), seat.cluster()));
  }

  private static Members members(NodeArray array) {
    return array.mirror().array().members();
  }

  @FunctionalInterface
  private interface Change {
    void apply(NodeArray array) throws IOException, InterruptedException;
  }

  private NodeArray changeable(String name) throws ArrayException {
    NodeArray array = arrays.find(name);
    if (array.mirror().array().isReadOnly()) {
      throw ArrayException.failed(
          name + " was assembled read-only; stop it and assemble it without --readonly");
    }
    return array;
  }

  private ArrayDetail change(String name, Change change) throws IOException, InterruptedException {
    NodeArray array = changeable(name);
    array.change(() -> {
      try {
        change.apply(array);
      } catch (RefusedElsewhere e) {
        throw ArrayException.failed(
            "%s: node %s refused: %s; the array is as it was"
                .formatted(name, slots.nameOf(array, e.slot()), e.reason()),
            e);
      } catch (ArrayException e) {
        throw e.about(name);
      }
    });
    return detail(array);
  }

  private ArrayDetail add(NodeRequest.Add request, Listener listener)
      throws IOException, InterruptedException {
    NodeArray array = changeable(request.array());
    checkStranger(array, request.disk());
    return give(
        array,
        request.disk(),
        disk -> members(array).add(disk, request.force()),
        (shared, disk) -> shared.add(disk, request.force(), patience(array, disk, listener)));
  }

  private ArrayDetail reAdd(NodeRequest.ReAdd request, Listener listener)
      throws IOException, InterruptedException {
    NodeArray array = changeable(request.array());
    if (array.has(request.disk())) {
      return change(array.name(), of -> members(of).reAdd(request.disk()));
    }
    return give(
        array,
        request.disk(),
        disk -> members(array).reAdd(disk),
        (shared, disk) -> shared.reAdd(disk, patience(array, disk, listener)));
  }

  private ArrayDetail replace(NodeRequest.Replace request, Listener listener)
      throws IOException, InterruptedException {
    NodeArray array = changeable(request.array());
    if (array.has(request.with())) {
      return change(
          array.name(), of -> members(of).replaceWithSpare(request.disk(), request.with()));
    }
    return give(
        array,
        request.with(),
        disk -> members(array).replace(request.disk(), disk, request.force()),
        (shared, disk) ->
            shared.replace(request.disk(), disk, request.force(), patience(array, disk, listener)));
  }

  private String dryRun(NodeRequest change) throws IOException, InterruptedException {
    var run = new DryRuns(arrays);
    return switch (change) {
      case NodeRequest.Add r -> {
        NodeArray array = changeable(r.array());
        checkStranger(array, r.disk());
        yield run.add(array, r);
      }
      case NodeRequest.ReAdd r -> run.reAdd(changeable(r.array()), r);
      case NodeRequest.Remove r -> run.remove(changeable(r.array()), r);
      case NodeRequest.Replace r -> run.replace(changeable(r.array()), r);
      case NodeRequest.Grow r -> run.grow(changeable(r.array()), r);
      case NodeRequest.Eject r -> DryRuns.eject(seat().members(), r);
      default -> throw new IllegalArgumentException("no dry run of " + change);
    };
  }

  /** Takes a disk over for an array that other nodes have too. */
  private interface SharedTaker {
    void take(ClusterArray array, BlockDevice disk) throws IOException;
  }

  /**
   * Opens a disk and gives it to the array. With other nodes that may take long, and other commands
   * go on meanwhile: the array itself refuses what does not fit together.
   */
  private ArrayDetail give(
      NodeArray array, String disk, NodeArrays.Taker alone, SharedTaker together)
      throws IOException, InterruptedException {
    Optional<ClusterArray> shared = array.shared();
    if (shared.isEmpty()) {
      return change(array.name(), of -> arrays.give(of, disk, alone));
    }
    try {
      arrays.give(array, disk, device -> together.take(shared.get(), device));
    } catch (RefusedElsewhere e) {
      throw ArrayException.failed(
          "%s: node %s refused %s: %s; the array is as it was"
              .formatted(array.name(), slots.nameOf(array, e.slot()), disk, e.reason()),
          e);
    } catch (ArrayException e) {
      throw e.about(array.name());
    }
    return detail(array);
  }

  /** As long as the client is there, but not for ever. */
  private Patience patience(NodeArray array, BlockDevice disk, Listener listener) {
    Patience limited = Patience.limited(env);
    return unseen -> {
      listener.heartbeat();
      try {
        limited.await(unseen);
      } catch (RefusedElsewhere e) {
        String node = slots.nameOf(array, e.slot());
        throw ArrayException.failed(
            "node %s does not find %s, and after %d s the array is as it was; on that node, make the disk visible, put its path among those it looks at, or say where it is by mirrorctl confirm %s PATH while it is being added"
                .formatted(node, disk.name(), Patience.LIMIT.toSeconds(), array.name()),
            e);
      }
    };
  }

  private ArrayDetail confirm(NodeRequest.Confirm request) throws IOException {
    NodeArray array = changeable(request.array());
    if (request.disk().isPresent()) {
      announcements.confirm(array.name(), request.disk().get());
    } else {
      announcements.missing(array.name());
    }
    return detail(array);
  }

  private static void checkStranger(NodeArray array, String disk) throws ArrayException {
    if (array.has(disk)) {
      throw ArrayException.failed(
          "%s is in %s already; a faulty member comes back by re-add"
              .formatted(disk, array.name()));
    }
  }

  private static void grow(NodeArray array, NodeRequest.Grow request) throws IOException {
    if (request.members().isPresent()) {
      members(array).growMembers(request.members().getAsInt());
    }
    if (request.sizeBytes().isPresent()) {
      members(array).growSize(sectors(array, request), request.force());
    }
  }

  /** The size that was asked for. */
  static long sectors(NodeArray array, NodeRequest.Grow request) throws IOException {
    long bytes = request.sizeBytes().orElseThrow();
    int step = array.mirror().device().blockSizes().preferred();
    long sectors =
        bytes == NodeRequest.Grow.LARGEST
            ? members(array).largestSize()
            : bytes / step * step / SectorRange.SECTOR_BYTES;
    if (sectors == 0) {
      throw new CommandException(
          ExitCode.USAGE, "an array cannot be smaller than %d bytes".formatted(step));
    }
    return sectors;
  }

  private ArrayDetail sync(NodeRequest.Sync request) throws IOException {
    NodeArray array = arrays.find(request.array());
    SyncThread sync = array.mirror().sync();
    if (request.min().isPresent() || request.max().isPresent()) {
      SyncSpeed now = sync.speed();
      try {
        sync.speed(
            new SyncSpeed(
                request.min().orElse(now.minBytesPerSecond()),
                request.max().orElse(now.maxBytesPerSecond())));
      } catch (IllegalArgumentException e) {
        throw new CommandException(ExitCode.USAGE, e.getMessage(), e);
      }
    }
    if (request.pause()) {
      sync.pause();
    }
    if (request.cancel()) {
      sync.cancelScrub();
    }
    if (request.resume()) {
      sync.resume();
    }
    return detail(array);
  }

  private ScrubResult scrub(NodeRequest.Scrub request, Listener listener)
      throws IOException, InterruptedException {
    NodeArray array = arrays.find(request.array());
    SyncThread sync = array.mirror().sync();
    Scrubbing.Correction correction =
        !request.repair()
            ? new Scrubbing.Correction.Off()
            : request.from().isPresent()
                ? new Scrubbing.Correction.FromDisk(request.from().get())
                : new Scrubbing.Correction.FromReader();
    CompletableFuture<ScrubReport> result = sync.scrub(correction);
    try {
      return ScrubResult.of(awaitReport(array, result, listener));
    } finally {
      if (!result.isDone()) {
        sync.cancelScrub();
      }
    }
  }

  private static ScrubReport awaitReport(
      NodeArray array, CompletableFuture<ScrubReport> result, Listener listener)
      throws IOException, InterruptedException {
    while (true) {
      try {
        return result.get(TICK_MILLIS, TimeUnit.MILLISECONDS);
      } catch (TimeoutException _) {
        tick(array, listener);
      } catch (ExecutionException e) {
        throw new IOException(e.getCause().getMessage(), e.getCause());
      }
    }
  }

  private static void tick(NodeArray array, Listener listener) throws IOException {
    var state = SyncState.of(array.mirror().array().status(), array.mirror().sync());
    if (state.isPresent()) {
      listener.progress(state.get());
    } else {
      listener.heartbeat();
    }
  }

  private ArrayDetail await(NodeRequest.Wait request, Listener listener)
      throws IOException, InterruptedException {
    NodeArray array = arrays.find(request.array());
    long end =
        request.timeoutMillis().isPresent()
            ? env.millis() + request.timeoutMillis().getAsLong()
            : Long.MAX_VALUE;
    try (EventFeed.Subscription changes = events.subscribe()) {
      while (!isThere(array, request.until())) {
        long left = end - env.millis();
        if (left <= 0) {
          throw new IOException(
              "%s is not %s after %d ms"
                  .formatted(
                      array.name(),
                      request.until() == NodeRequest.Wait.Until.IDLE ? "idle" : "in sync",
                      request.timeoutMillis().orElse(0)));
        }
        tick(array, listener);
        changes.next(Math.min(TICK_MILLIS, left));
      }
    }
    return detail(array);
  }

  private boolean isThere(NodeArray array, NodeRequest.Wait.Until until) throws IOException {
    if (arrays.find(array.name()) != array) {
      throw ArrayException.failed(array.name() + " was stopped meanwhile");
    }
    boolean idle = array.mirror().sync().isIdle();
    ArrayStatus status = array.mirror().array().status();
    if (until == NodeRequest.Wait.Until.IDLE || !idle) {
      return idle;
    }
    if (status.degraded()) {
      throw ArrayException.failed(
          array.name() + " is degraded and nothing is filling the gap; add a disk");
    }
    return true;
  }

  private Object monitor(Listener listener) throws IOException, InterruptedException {
    try (EventFeed.Subscription subscription = events.subscribe()) {
      listener.heartbeat(); // now nothing is missed any more
      while (true) {
        var event = subscription.next(HEARTBEAT_MILLIS);
        if (event.isPresent()) {
          listener.progress(event.get());
        } else {
          listener.heartbeat();
        }
      }
    }
  }
}
