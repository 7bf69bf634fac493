package io.mirrorctl.cli.cluster;

import io.mirrorctl.core.array.LateRange;
import java.util.Optional;

/**
 * Something that happened to the node's place in the cluster.
 *
 * @param name stable: docs/cli.md
 * @param node the node it is about
 * @param message for people
 * @param trouble whether somebody should look
 */
public record ClusterEvent(String name, Optional<String> node, String message, boolean trouble) {

  static ClusterEvent nodeUp(String node) {
    return new ClusterEvent("node-up", Optional.of(node), "is up", false);
  }

  static ClusterEvent nodeDown(String node, boolean clean) {
    return new ClusterEvent(
        "node-down", Optional.of(node), clean ? "left" : "died or was ejected", !clean);
  }

  static ClusterEvent ioHeld(String node, String cause, boolean trouble) {
    return new ClusterEvent("io-held", Optional.of(node), cause, trouble);
  }

  static ClusterEvent ioResumed(String node) {
    return new ClusterEvent("io-resumed", Optional.of(node), "I/O runs again", false);
  }

  static ClusterEvent halted(String node, String reason) {
    return new ClusterEvent("halted", Optional.of(node), reason, true);
  }

  static ClusterEvent lateWrite(String node, LateRange write) {
    return new ClusterEvent(
        "late-write",
        Optional.of(node),
        "a write to %s, sectors %s, came back after the end of the lease: others may have written there since"
            .formatted(write.disk(), write.sectors()),
        true);
  }

  static ClusterEvent rejoined(String node, String how) {
    return new ClusterEvent("rejoined", Optional.of(node), how, false);
  }

  static ClusterEvent left(String node) {
    return new ClusterEvent("left", Optional.of(node), "left the cluster", false);
  }
}
