package io.mirrorctl.cli.daemon;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.array.ArrayException;
import java.io.IOException;
import java.util.concurrent.locks.ReentrantLock;

/**
 * An array this node runs. Changes of its disks and its end come one after the other.
 *
 * <p>Threading: any thread.
 */
final class NodeArray {
  private final String name;
  private final LocalMirror mirror;

  /** Guards {@link #stopped}; held while disks are opened for the array and given to it. */
  private final ReentrantLock changes = new ReentrantLock();

  private boolean stopped;

  NodeArray(String name, LocalMirror mirror) {
    this.name = name;
    this.mirror = mirror;
  }

  /** What is done to the array's disks. */
  @FunctionalInterface
  interface Change {
    void apply() throws IOException, InterruptedException;
  }

  String name() {
    return name;
  }

  LocalMirror mirror() {
    return mirror;
  }

  /** Makes a change; never on an array that was stopped. */
  void change(Change change) throws IOException, InterruptedException {
    changes.lockInterruptibly();
    try {
      if (stopped) {
        throw ArrayException.failed(name + " was stopped meanwhile");
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
