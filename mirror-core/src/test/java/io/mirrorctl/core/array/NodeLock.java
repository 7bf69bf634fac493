package io.mirrorctl.core.array;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/** A lock that one node of a {@link TestCluster} has at a time, in the order of asking. */
final class NodeLock {
  /** A place in the queue; whose is the first has the lock. */
  static final class Ticket {
    private final TestNode node;
    private final boolean urgent;

    private Ticket(TestNode node, boolean urgent) {
      this.node = node;
      this.urgent = urgent;
    }
  }

  private final Deque<Ticket> queue = new ArrayDeque<>();

  Ticket acquire(TestNode node) throws DeviceException, InterruptedException {
    return acquire(node, false);
  }

  /**
   * Throws if the node dies meanwhile.
   *
   * @param urgent whether the owner shall hear of it
   */
  synchronized Ticket acquire(TestNode node, boolean urgent)
      throws DeviceException, InterruptedException {
    Ticket mine = new Ticket(node, urgent);
    queue.add(mine);
    return await(mine, false).orElseThrow();
  }

  /** The same, for who buries the dead: nothing as long as a dead node has it. */
  synchronized Optional<Ticket> acquireFromLiving(TestNode node)
      throws DeviceException, InterruptedException {
    Ticket mine = new Ticket(node, false);
    queue.add(mine);
    return await(mine, true);
  }

  private Optional<Ticket> await(Ticket mine, boolean fromLiving)
      throws DeviceException, InterruptedException {
    TestNode node = mine.node;
    try {
      while (queue.peek() != mine && !node.isDead()) {
        if (fromLiving && deadOwner().isPresent()) {
          release(mine);
          return Optional.empty();
        }
        wait();
      }
    } catch (InterruptedException e) {
      release(mine);
      throw e;
    }
    if (node.isDead()) {
      release(mine);
      throw new DeviceException(IoFailure.CLOSED, node + " is dead");
    }
    return Optional.of(mine);
  }

  synchronized Optional<TestNode> deadOwner() {
    return Optional.ofNullable(queue.peek()).map(ticket -> ticket.node).filter(TestNode::isDead);
  }

  synchronized void release(Ticket ticket) {
    queue.remove(ticket);
    notifyAll();
  }

  /** What the dead node had is free. */
  synchronized void forget(TestNode dead) {
    queue.removeIf(ticket -> ticket.node == dead);
    notifyAll();
  }

  /** A node has died: its waiters shall see it. */
  synchronized void look() {
    notifyAll();
  }

  synchronized boolean isWanted() {
    return queue.stream().skip(1).anyMatch(ticket -> ticket.urgent);
  }

  synchronized int waiting() {
    return Math.max(0, queue.size() - 1);
  }
}
