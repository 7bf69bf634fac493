package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.cluster.ClusterSeat;
import io.mirrorctl.cli.nbd.NbdExports;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.array.MirrorArray;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.cluster.ClusterNode;
import io.mirrorctl.dlm.cluster.PathLost;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
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

  /** Shared ones that come back when the node does, or their disks do. */
  private final ConcurrentSkipListMap<String, Waiting> waiting = new ConcurrentSkipListMap<>();

  private final NbdExports exports;
  private final ArrayStarter starter;
  private final EventFeed events;
  private final Env env;
  private final Returns returns;

  /** Guards who comes and goes in {@link #running} and {@link #waiting}, and {@link #ended}. */
  private final ReentrantLock lock = new ReentrantLock();

  private boolean ended;

  /**
   * An array that was in use.
   *
   * @param pathLost given up for its disks, not by the end of the node's incarnation
   * @param sinceMillis by the environment
   */
  private record Waiting(
      Comeback comeback, ArraySummary last, String reason, boolean pathLost, long sinceMillis) {

    String name() {
      return comeback.request().array();
    }

    String text() {
      return pathLost
          ? "%s is not in use here until its disks answer again, which assemble tries at once: %s"
              .formatted(name(), reason)
          : "%s is not in use here until this node is back in its cluster: %s"
              .formatted(name(), reason);
    }
  }

  NodeArrays(NbdExports exports, ArrayStarter starter, EventFeed events, Env env) {
    this.exports = exports;
    this.starter = starter;
    this.events = events;
    this.env = env;
    this.returns = new Returns(this::tryReturn, env);
  }

  /** All arrays, by name. */
  Collection<NodeArray> all() {
    return running.values();
  }

  /** Those that come back when the node or their disks do, as they were. */
  List<ArraySummary> halted() {
    return waiting.values().stream().map(Waiting::last).toList();
  }

  /** Whether an array of this name is in use. */
  boolean runs(String name) {
    return running.containsKey(name);
  }

  /** Whether no more arrays are assembled. */
  boolean hasEnded() {
    lock.lock();
    try {
      return ended;
    } finally {
      lock.unlock();
    }
  }

  /** What keeps them out of use. */
  List<WaitSources.Away> away() {
    return waiting.values().stream()
        .map(gone ->
            new WaitSources.Away(
                gone.name(),
                gone.reason(),
                gone.pathLost() ? WaitSources.Away.Cause.PATH_LOST : WaitSources.Away.Cause.HALTED,
                OptionalLong.of(env.millis() - gone.sinceMillis())))
        .toList();
  }

  /** A member that is in use, by the name that its array knows. */
  Optional<MeteredDisk> disk(String name) {
    return starter.disk(name);
  }

  /** Requests that began long ago are known as such from now on. */
  void turn() {
    running.values().forEach(array -> array.clients().underWay().turn());
    starter.openDisks().forEach(disk -> disk.underWay().turn());
  }

  NodeArray find(String name) throws ArrayException {
    NodeArray array = running.get(name);
    if (array == null) {
      Waiting gone = waiting.get(name);
      if (gone != null) {
        throw ArrayException.failed(gone.text());
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
      Waiting gone = waiting.get(request.array());
      if (running.containsKey(request.array()) || (gone != null && !gone.pathLost())) {
        throw ArrayException.failed(
            "%s is assembled already; stop it first".formatted(request.array()));
      }
      return start(request, request);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Lock held.
   *
   * @param asked what people want
   * @param now what can be done of it
   */
  private NodeArray start(NodeRequest.Assemble asked, NodeRequest.Assemble now) throws IOException {
    if (!now.readOnly()) {
      for (String disk : now.disks()) {
        checkNotRunning(disk);
      }
    }
    NodeArray array = new NodeArray(asked, starter.start(now), env.ticker());
    tellOf(array);
    exports.add(array.name(), array.clients(), "mirrorctl array " + array.name());
    running.put(array.name(), array);
    waiting.remove(array.name());
    array
        .shared()
        .ifPresent(shared -> {
          var _ = shared.lost().thenAcceptAsync(why -> lost(array, why), env.io());
        });
    return array;
  }

  /** The node has given up the array: its export goes away until its disks answer again. */
  private void lost(NodeArray array, PathLost why) {
    Optional<String> node =
        why.reachedBy().isPresent()
            ? Optional.of(starter.nameOf(why.reachedBy().getAsInt())) // may wait for ZooKeeper
            : Optional.empty();
    String reason = why.text(_ -> node.orElseThrow());
    lock.lock();
    try {
      if (running.get(array.name()) != array) {
        return; // stopped meanwhile
      }
      LOG.log(Level.WARNING, "path-lost: {0}: {1}", array.name(), reason);
      events.tell(
          NodeEvent.pathLost(env.wallClock().instant(), array.name(), why.disk(), node, reason));
      withdraw(array, reason, true);
      returns.lost(array.name());
    } finally {
      lock.unlock();
    }
  }

  /** Takes an array into use again whose disks were lost; true if there is nothing left to do. */
  private boolean tryReturn(String name) {
    Waiting gone = waiting.get(name);
    if (gone == null || !gone.pathLost()) {
      return true;
    }
    try {
      NodeRequest.Assemble now = starter.now(gone.comeback()); // which may take long
      lock.lock();
      try {
        if (ended || !gone.equals(waiting.get(name))) {
          return true;
        }
        NodeArray _ = start(gone.comeback().request(), now);
        LOG.log(Level.INFO, "{0}: its disks answer again, it is back in use", name);
        return true;
      } finally {
        lock.unlock();
      }
    } catch (IOException | RuntimeException e) {
      LOG.log(Level.INFO, "{0} is not back in use yet: {1}", name, e.getMessage());
      return false;
    }
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
  void give(NodeArray array, String disk, Taker taker) throws IOException {
    checkNotRunning(disk);
    BlockDevice device = starter.openFor(array, disk);
    try {
      taker.take(device);
    } catch (IOException | RuntimeException | Error e) {
      OpenDisks.closeAfter(device, e);
      throw e;
    }
  }

  /** Opens a disk as for {@link #give}, has it looked at, and closes it again. */
  void look(NodeArray array, String disk, Taker looker) throws IOException {
    checkNotRunning(disk);
    try (BlockDevice device = starter.openFor(array, disk)) {
      looker.take(device);
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
          withdraw(array, reason, false);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void withdraw(NodeArray array, String reason, boolean pathLost) {
    var gone =
        new Waiting(
            Comeback.of(array),
            ArraySummary.of(array, List.of()).gone(pathLost ? "path-lost" : "halted"),
            reason,
            pathLost,
            env.millis());
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

  @Override
  public boolean rejoined(ClusterNode node) {
    for (Waiting gone : ofTheNode()) {
      try {
        NodeRequest.Assemble now = starter.now(gone.comeback()); // which may take long
        lock.lock();
        try {
          if (ended || node.ended().isPresent()) {
            return false;
          }
          if (gone.equals(waiting.get(gone.name()))) {
            NodeArray _ = start(gone.comeback().request(), now);
          }
        } finally {
          lock.unlock();
        }
      } catch (IOException | RuntimeException e) {
        LOG.log(Level.WARNING, "{0} is not back in use yet: {1}", gone.name(), e.getMessage());
      }
    }
    return ofTheNode().isEmpty();
  }

  private List<Waiting> ofTheNode() {
    return waiting.values().stream().filter(gone -> !gone.pathLost()).toList();
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
