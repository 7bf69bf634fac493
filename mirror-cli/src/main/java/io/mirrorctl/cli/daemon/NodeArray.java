package io.mirrorctl.cli.daemon;

import com.google.common.base.Ticker;
import io.mirrorctl.core.Mirror;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.dlm.cluster.ClusterArray;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/**
 * An array this node runs. Changes of its disks and its end come one after the other.
 *
 * <p>Threading: any thread.
 */
final class NodeArray {
  private final NodeRequest.Assemble request;
  private final Mirror mirror;
  private final MeteredDevice clients;

  /** Guards {@link #stopped}; held while disks are opened for the array and given to it. */
  private final ReentrantLock changes = new ReentrantLock();

  private boolean stopped;

  /**
   * @param request that it was assembled by
   */
  NodeArray(NodeRequest.Assemble request, Mirror mirror, Ticker ticker) {
    this.request = request;
    this.mirror = mirror;
    this.clients = new MeteredDevice(mirror.device(), ticker);
  }

  /** What is done to the array's disks. */
  @FunctionalInterface
  interface Change {
    void apply() throws IOException, InterruptedException;
  }

  String name() {
    return request.array();
  }

  NodeRequest.Assemble request() {
    return request;
  }

  Mirror mirror() {
    return mirror;
  }

  /** The array as NBD clients of this node use it; closing it does nothing. */
  MeteredDevice clients() {
    return clients;
  }

  /** The array as one that this node has together with others, if it is. */
  Optional<ClusterArray> shared() {
    return mirror instanceof ClusterArray array ? Optional.of(array) : Optional.empty();
  }

  /** Makes a change; never on an array that was stopped. */
  void change(Change change) throws IOException, InterruptedException {
    changes.lockInterruptibly();
    try {
      if (stopped) {
        throw ArrayException.failed(name() + " was stopped meanwhile");
      }
      change.apply();
    } finally {
      changes.unlock();
    }
  }

  /** Whether a disk of this name belongs to the array, in whatever state. */
  boolean has(String disk) {
    return mirror.array().status().members().stream().anyMatch(m -> m.disk().equals(disk));
  }

  /** Stops the array and closes its disks, also if that fails in parts. */
  void stop() throws IOException {
    changes.lock();
    try {
      stopped = true;
      mirror.close();
    } finally {
      changes.unlock();
    }
  }
}
