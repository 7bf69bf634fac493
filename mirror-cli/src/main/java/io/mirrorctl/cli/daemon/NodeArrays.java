package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.cluster.ClusterSeat;
import io.mirrorctl.cli.nbd.NbdExports;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.array.MemberState;
import io.mirrorctl.core.array.MirrorArray;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.cluster.ClusterNode;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The arrays this node runs, by name; each of them is an NBD export.
 *
 * <p>Threading: any thread. Arrays are assembled and stopped one at a time, and can be looked at
 * meanwhile.
 */
final class NodeArrays implements ClusterSeat.Tenant {
  private static final System.Logger LOG = System.getLogger(NodeArrays.class.getName());

  private final ConcurrentSkipListMap<String, NodeArray> running = new ConcurrentSkipListMap<>();

  /** Shared ones that come back when the node does. */
  private final ConcurrentSkipListMap<String, Waiting> waiting = new ConcurrentSkipListMap<>();

  private final NbdExports exports;
  private final ArrayStarter starter;
  private final EventFeed events;
  private final Env env;

  /** Guards who comes and goes in {@link #running} and {@link #waiting}, and {@link #ended}. */
  private final ReentrantLock lock = new ReentrantLock();

  private boolean ended;

  /** An array that was in use when the node's incarnation came to its end. */
  private record Waiting(NodeRequest.Assemble request, ArraySummary last, String reason) {}

  NodeArrays(NbdExports exports, ArrayStarter starter, EventFeed events, Env env) {
    this.exports = exports;
    this.starter = starter;
    this.events = events;
    this.env = env;
  }

  /** All arrays, by name. */
  Collection<NodeArray> all() {
    return running.values();
  }

  /** Those that come back when the node does, as they were. */
  List<ArraySummary> halted() {
    return waiting.values().stream().map(Waiting::last).toList();
  }

  NodeArray find(String name) throws ArrayException {
    NodeArray array = running.get(name);
    if (array == null) {
      Waiting gone = waiting.get(name);
      if (gone != null) {
        throw ArrayException.failed(
            "%s is not in use here until this node is back in its cluster: %s"
                .formatted(name, gone.reason()));
      }
      throw ArrayException.failed(
          running.isEmpty()
              ? "no array %s: this node has none; assemble it first".formatted(name)
              : "no array %s: this node has %s"
                  .formatted(name, String.join(", ", running.keySet())));
    }
    return array;
  }

  NodeArray assemble(NodeRequest.Assemble request) throws IOException, InterruptedException {
    lock.lockInterruptibly();
    try {
      if (ended) {
        throw ArrayException.failed("the node is stopping");
      }
      if (running.containsKey(request.array()) || waiting.containsKey(request.array())) {
        throw ArrayException.failed(
            "%s is assembled already; stop it first".formatted(request.array()));
      }
      return start(request);
    } finally {
      lock.unlock();
    }
  }

  /** Lock held. */
  private NodeArray start(NodeRequest.Assemble request) throws IOException {
    if (!request.readOnly()) {
      for (String disk : request.disks()) {
        checkNotRunning(disk);
      }
    }
    NodeArray array = new NodeArray(request, starter.start(request));
    tellOf(array);
    exports.add(array.name(), array.mirror().device(), "mirrorctl array " + array.name());
    running.put(array.name(), array);
    return array;
  }

  /** A clearer refusal than that the disk is in use by somebody. */
  private void checkNotRunning(String disk) throws ArrayException {
    for (NodeArray array : running.values()) {
      if (array.has(disk)) {
        throw ArrayException.failed(
            "%s is in array %s, which this node runs; stop or remove it there first"
                .formatted(disk, array.name()));
      }
    }
  }

  private void tellOf(NodeArray array) {
    String name = array.name();
    MirrorArray mirror = array.mirror().array();
    mirror.notices().forEach(notice -> LOG.log(Level.WARNING, "{0}: {1}", name, notice));
    events.tell(NodeEvent.assembled(env.wallClock().instant(), name));
    mirror.listen(event -> {
      NodeEvent told = NodeEvent.of(env.wallClock().instant(), name, event);
      LOG.log(
          told.isTrouble() ? Level.WARNING : Level.INFO, "{0}: {1}", told.event(), told.sentence());
      events.tell(told);
    });
  }

  /** Opens a disk and hands it to the array; it is closed if the array does not take it. */
  void give(String disk, Taker taker) throws IOException {
    checkNotRunning(disk);
    BlockDevice device = starter.openFor(disk);
    try {
      taker.take(device);
    } catch (IOException | RuntimeException | Error e) {
      ArrayStarter.closeAfter(device, e);
      throw e;
    }
  }

  /** Takes a device over, or throws. */
  @FunctionalInterface
  interface Taker {
    void take(BlockDevice device) throws IOException;
  }

  /** Stops an array: its NBD clients' requests are finished, then they are disconnected. */
  void stop(String name) throws IOException, InterruptedException {
    lock.lockInterruptibly();
    try {
      if (waiting.remove(name) != null) {
        return;
      }
      NodeArray array = find(name);
      exports.remove(name);
      running.remove(name);
      array.stop();
    } finally {
      lock.unlock();
    }
  }

  /** Stops the arrays that this node has together with others. */
  void stopShared() throws IOException, InterruptedException {
    lock.lockInterruptibly();
    try {
      waiting.clear();
      IOException first = null;
      for (NodeArray array : running.values()) {
        if (array.shared().isPresent()) {
          exports.remove(array.name());
          running.remove(array.name());
          first = stopped(array, first);
        }
      }
      if (first != null) {
        throw first;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Stops it; returns the first failure of several stops. */
  private static IOException stopped(NodeArray array, IOException first) {
    try {
      array.stop();
      return first;
    } catch (IOException e) {
      LOG.log(Level.ERROR, "stopping {0}: {1}", array.name(), e.getMessage());
      return first == null ? e : first;
    }
  }

  /**
   * The shared arrays are of no use any more: their exports go away, and come back with {@link
   * #rejoined}. When this returns, all I/O of theirs has ended.
   */
  @Override
  public void halted(String reason) {
    lock.lock();
    try {
      for (NodeArray array : running.values()) {
        if (array.shared().isPresent()) {
          withdraw(array, reason);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void withdraw(NodeArray array, String reason) {
    var gone = new Waiting(again(array), ArraySummary.of(array, List.of()).halted(), reason);
    try {
      exports.remove(array.name());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    try {
      array.stop();
    } catch (IOException e) {
      LOG.log(Level.INFO, "{0}: {1}", array.name(), e.getMessage());
    } catch (RuntimeException e) {
      LOG.log(Level.ERROR, "stopping " + array.name() + " failed by a bug", e);
    }
    waiting.put(array.name(), gone);
    running.remove(array.name());
  }

  /** What was in use shall be so again, and not wait for a member that had failed. */
  private static NodeRequest.Assemble again(NodeArray array) {
    NodeRequest.Assemble first = array.request();
    ArrayStatus status = array.mirror().array().status();
    List<String> disks =
        status.members().stream()
            .filter(m -> !(m.state() instanceof MemberState.Faulty))
            .map(ArrayStatus.MemberStatus::disk)
            .toList();
    return disks.isEmpty()
        ? first
        : new NodeRequest.Assemble(
            first.array(), disks, first.run() || status.degraded(), false, false, first.coherent());
  }

  @Override
  public boolean rejoined(ClusterNode node) {
    lock.lock();
    try {
      for (Waiting gone : waiting.values()) {
        if (ended || node.ended().isPresent()) {
          return false;
        }
        try {
          start(gone.request());
          waiting.remove(gone.request().array());
        } catch (IOException | RuntimeException e) {
          LOG.log(
              Level.WARNING,
              "{0} is not back in use yet: {1}",
              gone.request().array(),
              e.getMessage());
        }
      }
      return waiting.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /** Stops all arrays, and takes no new ones. Nobody may use the exports any more. */
  void end() throws IOException {
    lock.lock();
    try {
      ended = true;
      IOException first = null;
      for (NodeArray array : running.values()) {
        first = stopped(array, first);
      }
      running.clear();
      waiting.clear();
      if (first != null) {
        throw first;
      }
    } finally {
      lock.unlock();
    }
  }
}
