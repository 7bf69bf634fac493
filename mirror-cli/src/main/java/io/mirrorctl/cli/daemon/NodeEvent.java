package io.mirrorctl.cli.daemon;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.google.common.collect.ImmutableSet;
import io.mirrorctl.cli.cluster.ClusterEvent;
import io.mirrorctl.core.array.ArrayEvent;
import io.mirrorctl.core.format.MdUuid;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Something that happened on a node; the names of events are stable.
 *
 * @param time in UTC, as ISO 8601 writes it
 * @param array empty if it is about the node
 * @param disk the disk it is about
 * @param action resync, recovery, check or repair, for the events that begin with sync-
 * @param node the node it is about, for the events of a cluster
 * @param message for people
 */
@JsonInclude(JsonInclude.Include.NON_ABSENT)
public record NodeEvent(
    String time,
    String array,
    String event,
    Optional<String> disk,
    Optional<String> action,
    Optional<String> node,
    String message) {
  private static final ImmutableSet<String> TROUBLE =
      ImmutableSet.of(
          "member-failed",
          "read-error-corrected",
          "read-failed",
          "write-failed",
          "unflushed-writes-lost",
          "halted",
          "overruled",
          "path-lost");

  static NodeEvent of(Instant time, String array, ArrayEvent event) {
    return switch (event) {
      case ArrayEvent.MemberFailed e ->
          disk(time, array, "member-failed", e.disk(), "failed: " + e.cause());
      case ArrayEvent.MemberAdded e -> disk(time, array, "member-added", e.disk(), "was added");
      case ArrayEvent.MemberRemoved e ->
          disk(time, array, "member-removed", e.disk(), "was removed");
      case ArrayEvent.RecoveryStarted e ->
          disk(
              time,
              array,
              "recovery-started",
              e.disk(),
              e.byBitmap() ? "gets what changed since it left" : "gets all data");
      case ArrayEvent.MemberInSync e -> disk(time, array, "member-in-sync", e.disk(), "is in sync");
      case ArrayEvent.ReadErrorCorrected e ->
          disk(
              time,
              array,
              "read-error-corrected",
              e.disk(),
              "sectors %s rewritten from another member, error %d".formatted(e.range(), e.count()));
      case ArrayEvent.ReadFailed e ->
          disk(
              time,
              array,
              "read-failed",
              e.disk(),
              "sectors %s cannot be read: %s".formatted(e.range(), e.cause()));
      case ArrayEvent.WriteFailed e ->
          plain(
              time,
              array,
              "write-failed",
              "sectors %s cannot be written: %s".formatted(e.range(), e.cause()));
      case ArrayEvent.UnflushedWritesLost e ->
          disk(
              time,
              array,
              "unflushed-writes-lost",
              e.disk(),
              "came back and may have lost what was not flushed");
      case ArrayEvent.SyncStarted e -> sync(time, array, "sync-started", e.action(), "began");
      case ArrayEvent.SyncFinished e -> sync(time, array, "sync-finished", e.action(), e.outcome());
      case ArrayEvent.SuperblocksWritten e ->
          plain(time, array, "superblocks-written", "events is " + e.events());
      case ArrayEvent.Overruled e ->
          plain(time, array, "overruled", "is not usable here any more: " + e.reason());
      case ArrayEvent.Stopped _ -> plain(time, array, "array-stopped", "stopped");
    };
  }

  /** The event for people, without its name. */
  public String sentence() {
    return Stream.of(array, node.orElse(""), disk.orElse(""), action.orElse(""), message)
        .filter(part -> !part.isEmpty())
        .collect(Collectors.joining(" "));
  }

  /** The event in one line of JSON. */
  public String toJson() {
    return ControlJson.MAPPER.writeValueAsString(this);
  }

  /** Whether somebody should look. */
  boolean isTrouble() {
    return TROUBLE.contains(event);
  }

  static NodeEvent of(Instant time, ClusterEvent event) {
    return new NodeEvent(
        time.toString(),
        "",
        event.name(),
        Optional.empty(),
        Optional.empty(),
        event.node(),
        event.message());
  }

  static NodeEvent assembled(Instant time, String array) {
    return plain(time, array, "array-assembled", "assembled");
  }

  /** The node has given the array up. */
  static NodeEvent pathLost(
      Instant time, String array, Optional<String> disk, Optional<String> node, String message) {
    return new NodeEvent(
        time.toString(), array, "path-lost", disk, Optional.empty(), node, message);
  }

  /** Another node adds a disk, which this one is to find. */
  static NodeEvent diskAnnounced(Instant time, String array, String disk, UUID device) {
    return disk(
        time,
        array,
        "disk-announced",
        disk,
        "is being added by another node; its device UUID is " + MdUuid.format(device));
  }

  /** Events that a listener did not get. */
  public static NodeEvent lost(Instant time, long count) {
    return plain(
        time, "", "events-lost", count + " events are missing here: they came too fast to be told");
  }

  private static NodeEvent plain(Instant time, String array, String event, String message) {
    return new NodeEvent(
        time.toString(),
        array,
        event,
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        message);
  }

  private static NodeEvent disk(
      Instant time, String array, String event, String disk, String message) {
    return new NodeEvent(
        time.toString(),
        array,
        event,
        Optional.of(disk),
        Optional.empty(),
        Optional.empty(),
        message);
  }

  private static NodeEvent sync(
      Instant time, String array, String event, String action, String message) {
    return new NodeEvent(
        time.toString(),
        array,
        event,
        Optional.empty(),
        Optional.of(action),
        Optional.empty(),
        message);
  }
}
