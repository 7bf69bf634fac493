package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.nbd.NbdExports;
import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.array.ArrayOptions;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
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
final class NodeArrays {
  private static final System.Logger LOG = System.getLogger(NodeArrays.class.getName());

  private final ConcurrentSkipListMap<String, NodeArray> running = new ConcurrentSkipListMap<>();
  private final NbdExports exports;
  private final DiskOpener disks;
  private final EventFeed events;
  private final Env env;

  /** Guards who comes and goes in {@link #running}, and {@link #ended}. */
  private final ReentrantLock lock = new ReentrantLock();

  private boolean ended;

  /** Opens a disk by its name. */
  @FunctionalInterface
  interface DiskOpener {
    BlockDevice open(String disk, DeviceAccess access) throws IOException;
  }

  NodeArrays(NbdExports exports, DiskOpener disks, EventFeed events, Env env) {
    this.exports = exports;
    this.disks = disks;
    this.events = events;
    this.env = env;
  }

  /** All arrays, by name. */
  Collection<NodeArray> all() {
    return running.values();
  }

  NodeArray find(String name) throws ArrayException {
    NodeArray array = running.get(name);
    if (array == null) {
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
      if (running.containsKey(request.array())) {
        throw ArrayException.failed(
            "%s is assembled already; stop it first".formatted(request.array()));
      }
      if (!request.readOnly()) {
        for (String disk : request.disks()) {
          checkNotRunning(disk);
        }
      }
      NodeArray array = new NodeArray(request.array(), start(request));
      exports.add(array.name(), array.mirror().device(), "mirrorctl array " + array.name());
      running.put(array.name(), array);
      return array;
    } finally {
      lock.unlock();
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

  private LocalMirror start(NodeRequest.Assemble request) throws IOException {
    ArrayOptions options =
        ArrayOptions.DEFAULT
            .withReadOnly(request.readOnly())
            .withRun(request.run())
            .withForce(request.force());
    String name = request.array();
    LocalMirror mirror;
    try {
      mirror = LocalMirror.assemble(name, open(request), options, env);
    } catch (ArrayException e) {
      throw e.about(name);
    }
    mirror.array().notices().forEach(notice -> LOG.log(Level.WARNING, "{0}: {1}", name, notice));
    events.tell(NodeEvent.assembled(env.wallClock().instant(), name));
    mirror
        .array()
        .listen(event -> {
          NodeEvent told = NodeEvent.of(env.wallClock().instant(), name, event);
          LOG.log(
              told.isTrouble() ? Level.WARNING : Level.INFO,
              "{0}: {1}",
              told.event(),
              told.sentence());
          events.tell(told);
        });
    return mirror;
  }

  private List<BlockDevice> open(NodeRequest.Assemble request) throws IOException {
    DeviceAccess access =
        request.readOnly() ? new DeviceAccess.ReadOnly() : new DeviceAccess.Exclusive();
    List<BlockDevice> open = new ArrayList<>();
    try {
      for (String disk : request.disks()) {
        open.add(disks.open(disk, access));
      }
      return open;
    } catch (IOException | RuntimeException e) {
      for (BlockDevice device : open) {
        closeAfter(device, e);
      }
      throw e;
    }
  }

  /** Opens a disk and hands it to the array; it is closed if the array does not take it. */
  void give(String disk, Taker taker) throws IOException {
    checkNotRunning(disk);
    BlockDevice device = disks.open(disk, new DeviceAccess.Exclusive());
    try {
      taker.take(device);
    } catch (IOException | RuntimeException | Error e) {
      closeAfter(device, e);
      throw e;
    }
  }

  /** Takes a device over, or throws. */
  @FunctionalInterface
  interface Taker {
    void take(BlockDevice device) throws IOException;
  }

  private static void closeAfter(BlockDevice device, Throwable e) {
    try {
      device.close();
    } catch (IOException also) {
      e.addSuppressed(also);
    }
  }

  /** Stops an array: its NBD clients' requests are finished, then they are disconnected. */
  void stop(String name) throws IOException, InterruptedException {
    lock.lockInterruptibly();
    try {
      NodeArray array = find(name);
      exports.remove(name);
      running.remove(name);
      array.stop();
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
        try {
          array.stop();
        } catch (IOException e) {
          LOG.log(Level.ERROR, "stopping {0}: {1}", array.name(), e.getMessage());
          if (first == null) {
            first = e;
          }
        }
      }
      running.clear();
      if (first != null) {
        throw first;
      }
    } finally {
      lock.unlock();
    }
  }
}
