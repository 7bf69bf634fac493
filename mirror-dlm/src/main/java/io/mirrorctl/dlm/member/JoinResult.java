package io.mirrorctl.dlm.member;

import java.time.Duration;

/** What became of a join. */
public sealed interface JoinResult {

  /** How a command ends with it. */
  Status status();

  /** The case at hand, for people. */
  String text();

  /**
   * The node is in the view, every member knows it, and the regroup that let it in is over.
   *
   * @param sessionTimeout what the servers granted
   */
  record Joined(Incarnation self, ClusterInfo cluster, Duration sessionTimeout)
      implements JoinResult {
    @Override
    public Status status() {
      return Status.JOINED;
    }

    @Override
    public String text() {
      return "%s joined with epoch %d".formatted(self, cluster.epoch());
    }
  }

  /** This membership has joined, or is about to; nothing was done. */
  record Already(String text) implements JoinResult {
    @Override
    public Status status() {
      return Status.ALREADY;
    }
  }

  /** The time was over; the node is not a member. The text says what was waited for. */
  record Timeout(String text) implements JoinResult {
    @Override
    public Status status() {
      return Status.TIMEOUT;
    }
  }

  /**
   * The servers or the session failed, or there was no session to be had in the time for the join;
   * another try may succeed.
   */
  record Transient(String text) implements JoinResult {
    @Override
    public Status status() {
      return Status.TRANSIENT;
    }
  }

  /**
   * This node must not join as it is, or the servers will not have it: another try will fail in the
   * same way.
   */
  record Fault(String text) implements JoinResult {
    @Override
    public Status status() {
      return Status.FAULT;
    }
  }
}
