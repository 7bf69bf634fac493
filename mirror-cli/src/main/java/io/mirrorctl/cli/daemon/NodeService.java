package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.array.Members;
import io.mirrorctl.core.array.Scrubbing;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.resync.ScrubReport;
import io.mirrorctl.core.resync.SyncSpeed;
import io.mirrorctl.core.resync.SyncThread;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Does what clients ask of this node.
 *
 * <p>Threading: any thread; requests that take long hold nothing that others need.
 */
final class NodeService {
  /** How often somebody who waits hears how far it has come, and looks whether it is over. */
  private static final long TICK_MILLIS = 200;

  private static final long HEARTBEAT_MILLIS = 1000;

  private final String node;
  private final NodeArrays arrays;
  private final EventFeed events;
  private final Env env;

  NodeService(String node, NodeArrays arrays, EventFeed events, Env env) {
    this.node = node;
    this.arrays = arrays;
    this.events = events;
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
    return switch (request) {
      case NodeRequest.Assemble r -> ArrayDetail.of(node, arrays.assemble(r));
      case NodeRequest.Stop r -> {
        arrays.stop(r.array());
        yield List.of();
      }
      case NodeRequest.Detail r -> detail(r.array());
      case NodeRequest.Status _ -> arrays.all().stream().map(ArraySummary::of).toList();
      case NodeRequest.Add r -> add(r);
      case NodeRequest.Fail r -> change(r.array(), array -> members(array).fail(r.disk()));
      case NodeRequest.Remove r -> change(r.array(), array -> members(array).remove(r.disk()));
      case NodeRequest.ReAdd r -> reAdd(r);
      case NodeRequest.Replace r -> replace(r);
      case NodeRequest.Grow r -> change(r.array(), array -> grow(array, r));
      case NodeRequest.Scrub r -> scrub(r, listener);
      case NodeRequest.Sync r -> sync(r);
      case NodeRequest.Wait r -> await(r, listener);
      case NodeRequest.Monitor _ -> monitor(listener);
    };
  }

  private ArrayDetail detail(String array) throws IOException {
    return ArrayDetail.of(node, arrays.find(array));
  }

  private static Members members(NodeArray array) {
    return array.mirror().array().members();
  }

  @FunctionalInterface
  private interface Change {
    void apply(NodeArray array) throws IOException, InterruptedException;
  }

  private ArrayDetail change(String name, Change change) throws IOException, InterruptedException {
    NodeArray array = arrays.find(name);
    array.change(() -> {
      if (array.mirror().array().isReadOnly()) {
        throw ArrayException.failed(
            name + " was assembled read-only; stop it and assemble it without --readonly");
      }
      try {
        change.apply(array);
      } catch (ArrayException e) {
        throw e.about(name);
      }
    });
    return ArrayDetail.of(node, array);
  }

  private ArrayDetail add(NodeRequest.Add request) throws IOException, InterruptedException {
    return change(
        request.array(),
        array -> {
          checkStranger(array, request.disk());
          arrays.give(request.disk(), disk -> members(array).add(disk, request.force()));
        });
  }

  private ArrayDetail reAdd(NodeRequest.ReAdd request) throws IOException, InterruptedException {
    return change(
        request.array(),
        array -> {
          if (array.has(request.disk())) {
            members(array).reAdd(request.disk());
          } else {
            arrays.give(request.disk(), members(array)::reAdd);
          }
        });
  }

  private ArrayDetail replace(NodeRequest.Replace request)
      throws IOException, InterruptedException {
    return change(
        request.array(),
        array -> {
          if (array.has(request.with())) {
            members(array).replaceWithSpare(request.disk(), request.with());
          } else {
            arrays.give(
                request.with(),
                disk -> members(array).replace(request.disk(), disk, request.force()));
          }
        });
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
      long bytes = request.sizeBytes().getAsLong();
      int step = array.mirror().device().blockSizes().preferred();
      long sectors =
          bytes == NodeRequest.Grow.LARGEST
              ? members(array).largestSize()
              : bytes / step * step / SectorRange.SECTOR_BYTES;
      if (sectors == 0) {
        throw new CommandException(
            ExitCode.USAGE, "an array cannot be smaller than %d bytes".formatted(step));
      }
      members(array).growSize(sectors, request.force());
    }
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
    return ArrayDetail.of(node, array);
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
    return ArrayDetail.of(node, array);
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
