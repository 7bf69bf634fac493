package io.mirrorctl.dlm.member;

import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * What a node brings along when it joins.
 *
 * @param node its configured, permanent number, 1 to {@code maxNodes}
 * @param maxNodes highest node number; must be the same on all nodes
 * @param version of what the nodes say to each other; must be the same on all nodes
 * @param parameters what else must be the same on all nodes; keys of small letters, digits, dots
 *     and dashes, values of one line
 * @param heartbeat used if this node is the first, else the cluster's is inherited
 * @param ioMargin how long an I/O that was submitted under the lease may still take effect after
 *     its end; must be the same on all nodes
 * @param stageLimit a member that does not pass a stage of a regroup in this time is ejected
 * @param arbitrationTimeout an arbiter that has not answered by then has said no
 * @param equaliser an arbiter's yes counts no sooner than this after it was asked, unless this node
 *     is the quorum owner: so the owner, who defends, wins where both could
 * @param fenceRetry time until a fence agent that said "not yet" is asked again
 */
public record MemberSettings(
    int node,
    int maxNodes,
    int version,
    SortedMap<String, String> parameters,
    Heartbeat heartbeat,
    Duration ioMargin,
    Duration stageLimit,
    Duration arbitrationTimeout,
    Duration equaliser,
    Duration fenceRetry) {

  /** Version of the records and exchanges of this package and of those that build on it. */
  public static final int CURRENT_VERSION = 1;

  static final int MOST_NODES = 1024;
  private static final Pattern KEY = Pattern.compile("[a-z0-9.-]{1,64}");
  private static final Pattern VALUE = Pattern.compile("[^\\p{Cntrl}]{0,256}");

  public MemberSettings {
    if (maxNodes < 1 || maxNodes > MOST_NODES) {
      throw new IllegalArgumentException(
          "the highest node number is %d; it must be 1 to %d".formatted(maxNodes, MOST_NODES));
    }
    if (node < 1 || node > maxNodes) {
      throw new IllegalArgumentException(
          "the node number is %d; it must be 1 to %d".formatted(node, maxNodes));
    }
    parameters.forEach((key, value) -> {
      if (!KEY.matcher(key).matches() || !VALUE.matcher(value).matches()) {
        throw new IllegalArgumentException(
            "parameter \"%s\" with value \"%s\": a key is 1 to 64 small letters, digits, dots"
                    .formatted(key, value)
                + " and dashes, a value one line of at most 256 characters");
      }
    });
    positive("I/O margin", ioMargin);
    positive("stage limit", stageLimit);
    positive("arbitration time-out", arbitrationTimeout);
    positive("fence retry", fenceRetry);
    if (equaliser.isNegative() || equaliser.compareTo(arbitrationTimeout) >= 0) {
      throw new IllegalArgumentException(
          "the equaliser is %d ms; it must be less than the arbitration time-out, %d ms"
              .formatted(equaliser.toMillis(), arbitrationTimeout.toMillis()));
    }
    parameters = Collections.unmodifiableSortedMap(new TreeMap<>(parameters));
  }

  private static void positive(String what, Duration time) {
    if (time.isNegative() || time.isZero()) {
      throw new IllegalArgumentException("the " + what + " must be more than nothing");
    }
  }

  /** The defaults for this node number. */
  public static MemberSettings of(int node) {
    return new MemberSettings(
        node,
        64,
        CURRENT_VERSION,
        Collections.emptySortedMap(),
        Heartbeat.DEFAULT,
        Duration.ofSeconds(1),
        Duration.ofSeconds(35),
        Duration.ofSeconds(60),
        Duration.ofSeconds(7),
        Duration.ofSeconds(5));
  }

  /** These, with another heartbeat. */
  public MemberSettings with(Heartbeat other) {
    return new MemberSettings(
        node,
        maxNodes,
        version,
        parameters,
        other,
        ioMargin,
        stageLimit,
        arbitrationTimeout,
        equaliser,
        fenceRetry);
  }

  /** These, with other parameters. */
  public MemberSettings with(Map<String, String> other) {
    return new MemberSettings(
        node,
        maxNodes,
        version,
        new TreeMap<>(other),
        heartbeat,
        ioMargin,
        stageLimit,
        arbitrationTimeout,
        equaliser,
        fenceRetry);
  }

  /** These, with another I/O margin. */
  public MemberSettings withIoMargin(Duration other) {
    return new MemberSettings(
        node,
        maxNodes,
        version,
        parameters,
        heartbeat,
        other,
        stageLimit,
        arbitrationTimeout,
        equaliser,
        fenceRetry);
  }

  /** These, with other limits of time for arbitration. */
  public MemberSettings withArbitration(Duration timeout, Duration otherEqualiser) {
    return new MemberSettings(
        node,
        maxNodes,
        version,
        parameters,
        heartbeat,
        ioMargin,
        stageLimit,
        timeout,
        otherEqualiser,
        fenceRetry);
  }

  /** These, with another limit of time for a stage of a regroup. */
  public MemberSettings withStageLimit(Duration other) {
    return new MemberSettings(
        node,
        maxNodes,
        version,
        parameters,
        heartbeat,
        ioMargin,
        other,
        arbitrationTimeout,
        equaliser,
        fenceRetry);
  }

  /** Everything that must be the same on all nodes, by name. */
  SortedMap<String, String> announced() {
    var all = new TreeMap<>(parameters);
    all.put("mirrorctl.version", Integer.toString(version));
    all.put("mirrorctl.max-nodes", Integer.toString(maxNodes));
    all.put("mirrorctl.io-margin-millis", Long.toString(ioMargin.toMillis()));
    return all;
  }
}
