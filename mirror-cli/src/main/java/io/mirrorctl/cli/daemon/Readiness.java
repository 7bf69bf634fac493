package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.cluster.ClusterLook;
import io.mirrorctl.cli.cluster.ClusterSeat;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Whether a node does what its command line and its configuration file ask of it.
 *
 * <p>Threading: any thread.
 */
record Readiness(NodeConfig config, NodeArrays arrays, Scans scans, Optional<ClusterSeat> seat) {

  /** What is missing, in sentences; empty if nothing is. */
  List<String> missing() {
    List<String> missing = new ArrayList<>();
    for (String array : wanted()) {
      if (arrays.all().stream().noneMatch(running -> running.name().equals(array))) {
        missing.add("array %s is not in use: %s".formatted(array, reason(array)));
      }
    }
    seat.flatMap(Readiness::missing).ifPresent(missing::add);
    return missing;
  }

  private Set<String> wanted() {
    Set<String> wanted = new LinkedHashSet<>();
    config.arrays().forEach(array -> wanted.add(array.array()));
    config.scan().arrays().forEach(array -> wanted.add(array.name()));
    return wanted;
  }

  private String reason(String array) {
    return arrays.away().stream()
        .filter(away -> away.array().equals(array))
        .map(WaitSources.Away::reason)
        .findFirst()
        .or(() -> scans.reason(array))
        .orElse("it was stopped");
  }

  private static Optional<String> missing(ClusterSeat seat) {
    ClusterLook look;
    try {
      look = seat.look();
    } catch (IOException e) {
      return Optional.of(e.getMessage());
    }
    if (look.out().isPresent()) {
      return Optional.of(
          "the node is not in cluster %s: %s".formatted(look.cluster(), look.out().get().reason()));
    }
    boolean leased = look.lease().filter(lease -> lease.leftMillis() > 0).isPresent();
    return leased
        ? Optional.empty()
        : Optional.of(
            "the lease is over: ZooKeeper at %s has not renewed it".formatted(look.zookeeper()));
  }
}
