package io.mirrorctl.dlm.cluster;

import static com.google.common.base.Preconditions.checkArgument;

import java.time.Duration;

/**
 * What a node does when a member of a shared array fails on it (schedule R11).
 *
 * @param leaves whether the other nodes are asked: where one of them reaches the member, this node
 *     gives up the array instead of failing the member for all
 * @param limit how long a node tries to reach a member before it says that it does not
 */
public record PathPolicy(boolean leaves, Duration limit) {
  private static final Duration LIMIT = Duration.ofSeconds(2);
  private static final Duration LONGEST = Duration.ofSeconds(10);

  /** The array is given up where another node reaches the member. */
  public static final PathPolicy LEAVE = new PathPolicy(true, LIMIT);

  /** The member is failed on all nodes, as md does. */
  public static final PathPolicy FAIL = new PathPolicy(false, LIMIT);

  /** The limit must leave the asked nodes time for their answer. */
  public PathPolicy {
    checkArgument(
        limit.isPositive() && limit.compareTo(LONGEST) <= 0,
        "a limit of %s for reaching a member",
        limit);
  }
}
