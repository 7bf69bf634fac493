package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.cluster.ClusterLook;
import io.mirrorctl.cli.cluster.ClusterMembers;
import io.mirrorctl.cli.cluster.ClusterSeat;
import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.block.SectorRange;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** A node in numbers; their names and labels are in docs/cli.md. Threading: any thread. */
final class NodeMetrics {
  private static final System.Logger LOG = System.getLogger(NodeMetrics.class.getName());

  private static final List<String> STATES =
      List.of(
          "clean",
          "active",
          "resyncing",
          "degraded",
          "recovering",
          "failed",
          "halted",
          "path-lost",
          "waiting");

  private static final List<String> MEMBER_STATES =
      List.of("in-sync", "recovering", "replacing", "spare", "faulty");

  private final NodeArrays arrays;
  private final Scans scans;
  private final Optional<ClusterSeat> seat;

  NodeMetrics(NodeArrays arrays, Scans scans, Optional<ClusterSeat> seat) {
    this.arrays = arrays;
    this.scans = scans;
    this.seat = seat;
  }

  MetricSnapshots collect(boolean ready) {
    var families = new Families();
    families.gauge("ready", "Whether /ready says so.", ready ? 1 : 0, Labels.EMPTY);
    for (NodeArray array : arrays.all()) {
      addArray(array, families);
    }
    for (ArraySummary gone : arrays.halted()) {
      state(gone.name(), gone.state(), families);
    }
    for (ArraySummary missing : scans.missing()) {
      state(missing.name(), missing.state(), families);
    }
    seat.ifPresent(in -> addCluster(in, families));
    return families.all();
  }

  private static void state(String array, String state, Families to) {
    for (String one : STATES) {
      to.gauge(
          "array_state",
          "1 for the state the array is in, 0 for the others.",
          one.equals(state) ? 1 : 0,
          Labels.of("array", array, "state", one));
    }
  }

  private void addArray(NodeArray array, Families to) {
    ArrayStatus status = array.mirror().array().status();
    Labels labels = Labels.of("array", array.name());
    state(array.name(), ArrayDetail.state(status), to);
    to.gauge(
        "array_degraded",
        "Whether a role has no member that holds all data.",
        status.degraded() ? 1 : 0,
        labels);
    to.gauge(
        "array_size_bytes",
        "Size of the array.",
        status.sizeSectors() * SectorRange.SECTOR_BYTES,
        labels);
    to.gauge("array_members_wanted", "Number of roles.", status.raidDisks(), labels);
    to.gauge(
        "array_dirty_chunks",
        "Bits set in this node's slot of the write-intent bitmap.",
        status.dirtyChunks(),
        labels);
    to.gauge(
        "array_needed_chunks",
        "Chunks in which members may differ, and that are to be copied.",
        status.neededChunks(),
        labels);
    addMembers(array.name(), status, to);
    addSync(array, status, to);
    addClients(array, labels, to);
  }

  private void addMembers(String array, ArrayStatus status, Families to) {
    Map<String, Integer> counts = new TreeMap<>();
    MEMBER_STATES.forEach(state -> counts.put(state, 0));
    for (ArrayStatus.MemberStatus member : status.members()) {
      counts.merge(member.state().word(), 1, Integer::sum);
      Labels labels = Labels.of("array", array, "disk", member.disk());
      to.counter(
          "disk_read_errors",
          "Sectors of a disk that could not be read, since it was taken into use.",
          member.readErrors(),
          labels);
      arrays.disk(member.disk()).ifPresent(disk -> addDisk(disk, labels, to));
    }
    counts.forEach((state, count) ->
        to.gauge(
            "array_members",
            "Disks of the array by state.",
            count,
            Labels.of("array", array, "state", state)));
  }

  private static void addDisk(MeteredDisk disk, Labels labels, Families to) {
    addRequests("disk", "a disk", disk, labels, to);
  }

  private static void addClients(NodeArray array, Labels labels, Families to) {
    addRequests("array", "clients", array.clients(), labels, to);
  }

  static void addRequests(
      String name, String whose, MeteredDevice device, Labels labels, Families to) {
    MeteredDevice.Counts counts = device.counts();
    to.counter(name + "_reads", "Reads of " + whose + " done.", counts.reads(), labels);
    to.counter(
        name + "_read_bytes", "Bytes of the reads of " + whose + ".", counts.readBytes(), labels);
    to.counter(
        name + "_writes",
        "Writes of " + whose + " done, of zeroes and discards too.",
        counts.writes(),
        labels);
    to.counter(
        name + "_written_bytes",
        "Bytes of the writes of " + whose + ".",
        counts.writtenBytes(),
        labels);
    to.counter(name + "_flushes", "Flushes of " + whose + " done.", counts.flushes(), labels);
    to.counter(
        name + "_failed_requests",
        "Requests of " + whose + " that ended with an error.",
        counts.failures(),
        labels);
    Optional<UnderWay.Oldest> oldest = device.underWay().oldest();
    to.gauge(
        name + "_requests_under_way",
        "Requests of " + whose + " that have not ended.",
        oldest.map(UnderWay.Oldest::requests).orElse(0L),
        labels);
    to.gauge(
        name + "_oldest_request_seconds",
        "For how long, at least, the oldest of them has been.",
        oldest.map(UnderWay.Oldest::atLeastMillis).orElse(0L) / 1000.0,
        labels);
  }

  private static void addSync(NodeArray array, ArrayStatus status, Families to) {
    SyncState.of(status, array.mirror().sync())
        .ifPresent(sync -> {
          Labels labels = Labels.of("array", array.name(), "action", sync.action());
          to.gauge(
              "array_sync_progress_ratio",
              "How far copying or checking is, 0 to 1; absent when nothing is.",
              sync.percent() / 100,
              labels);
          to.gauge(
              "array_sync_speed_bytes_per_second",
              "Speed of copying or checking.",
              sync.bytesPerSecond(),
              labels);
          to.gauge(
              "array_sync_paused",
              "Whether copying or checking was paused.",
              sync.paused() ? 1 : 0,
              labels);
        });
  }

  private static void addCluster(ClusterSeat seat, Families to) {
    Optional<ClusterLook> look = Optional.empty();
    try {
      look = Optional.of(seat.look());
    } catch (IOException e) {
      LOG.log(Level.INFO, "metrics: {0}", e.getMessage());
    }
    Labels labels = Labels.of("cluster", seat.cluster());
    to.gauge(
        "cluster_joined",
        "Whether the node is in its cluster.",
        look.flatMap(ClusterLook::view).isPresent() ? 1 : 0,
        labels);
    to.gauge(
        "cluster_lease_remaining_seconds",
        "Time until the I/O of shared arrays is held unless the lease is renewed; 0 if it is.",
        look.flatMap(ClusterLook::lease).map(ClusterLook.LeaseLook::leftMillis).orElse(0L) / 1000.0,
        labels);
    look.flatMap(ClusterLook::view).ifPresent(view -> addView(view, labels, to));
  }

  private static void addView(ClusterLook.View view, Labels labels, Families to) {
    to.gauge("cluster_epoch", "Number of the cluster's view.", view.epoch(), labels);
    view.nodes()
        .forEach((state, count) ->
            to.gauge(
                "cluster_nodes", "Nodes in the view by state.", count, labels.add("state", state)));
    ClusterMembers.ZooKeeperUse use = view.zookeeper();
    Map.of(
            "commit", use.commits() - use.renewals(),
            "renewal", use.renewals(),
            "read", use.reads(),
            "change", use.changes())
        .forEach((kind, count) ->
            to.counter(
                "zookeeper_operations",
                "What the node has asked of ZooKeeper, or been told, in its present session.",
                count,
                Labels.of("kind", kind)));
  }
}
