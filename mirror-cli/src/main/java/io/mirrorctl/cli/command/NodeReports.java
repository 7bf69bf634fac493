package io.mirrorctl.cli.command;

import io.mirrorctl.cli.cluster.ClusterMembers;
import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.ArraySummary;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.daemon.ScanResult;
import io.mirrorctl.cli.daemon.ScrubResult;
import io.mirrorctl.cli.daemon.SyncState;
import io.mirrorctl.cli.output.ByteProgress;
import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.Report;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/** What a node says, as reports. */
final class NodeReports {
  private NodeReports() {}

  /** An array in full. */
  static Report detail(ArrayDetail array) {
    Report.Builder report =
        Report.builder()
            .field("name", "Array", array.name())
            .field("setName", "Name in superblocks", array.setName())
            .field("uuid", "UUID", array.uuid())
            .field("level", "Level", array.level())
            .field("sizeBytes", "Size", array.sizeBytes(), size(array.sizeBytes()))
            .field("state", "State", array.state(), state(array))
            .data("readOnly", array.readOnly())
            .field("events", "Events", array.events())
            .field("raidDisks", "Members wanted", array.raidDisks())
            .text("Bitmap", bitmap(array))
            .group("bitmap", "", bitmapData(array.bitmap()));
    if (array.slots().size() > 1) {
      report.text("Slots", slots(array.slots()));
    }
    array.sync().ifPresent(sync -> report.text("Sync", sync(sync)));
    array.notices().forEach(notice -> report.text("Note", notice));
    addSync(report, array.sync().orElse(null));
    return report
        .data("notices", array.notices())
        .line("")
        .table("members", array.members().stream().map(NodeReports::member).toList())
        .items("slots", array.slots().stream().map(NodeReports::slot).toList())
        .build();
  }

  /** Who has which, as in {@code 0 n1, 1 n2}. */
  private static String slots(List<ArrayDetail.Slot> slots) {
    return slots.stream()
        .map(slot ->
            "%d %s%s"
                .formatted(
                    slot.slot(),
                    slot.node(),
                    slot.state().equals("active") ? "" : " (" + slot.state() + ")"))
        .collect(Collectors.joining(", "));
  }

  private static Long known(OptionalLong number) {
    return number.isPresent() ? number.getAsLong() : null;
  }

  private static Report slot(ArrayDetail.Slot slot) {
    return Report.builder()
        .data("slot", slot.slot())
        .data("node", slot.node())
        .data("state", slot.state())
        .data("dirtyChunks", known(slot.dirtyChunks()))
        .build();
  }

  private static Report bitmapData(ArrayDetail.Bitmap bitmap) {
    return Report.builder()
        .data("kind", bitmap.kind())
        .data("chunkBytes", bitmap.chunkBytes())
        .build();
  }

  private static String size(long bytes) {
    return "%d (%s)".formatted(bytes, ByteSize.text(bytes));
  }

  private static String state(ArrayDetail array) {
    return array.readOnly() ? array.state() + ", read-only" : array.state();
  }

  private static String bitmap(ArrayDetail array) {
    return array.bitmap().kind().equals("none")
        ? "none"
        : "%s, chunks of %s, %s"
            .formatted(
                array.bitmap().kind(),
                ByteSize.text(array.bitmap().chunkBytes()),
                array.slots().stream()
                    .filter(slot -> slot.dirtyChunks().isPresent())
                    .map(slot ->
                        "%d dirty in slot %d"
                            .formatted(slot.dirtyChunks().getAsLong(), slot.slot()))
                    .collect(Collectors.joining(", ")));
  }

  private static Report member(ArrayDetail.Member member) {
    return Report.builder()
        .field("index", "Role", member.index(), member.index() < 0 ? "-" : "" + member.index())
        .field("state", "State", member.state(), stateOf(member))
        .field("readErrors", "Read errors", member.readErrors())
        .field("path", "Disk", member.path())
        .data("writeMostly", member.writeMostly())
        .field("cause", "", member.cause().orElse(null))
        .build();
  }

  private static String stateOf(ArrayDetail.Member member) {
    return member.state()
        + (member.writeMostly() ? ", write-mostly" : "")
        + member.cause().map(cause -> ": " + cause).orElse("");
  }

  /** What is going on, in words. */
  static String sync(SyncState sync) {
    return String.format(Locale.ROOT, "%s %.1f %%, ", sync.action(), sync.percent()) + speed(sync);
  }

  /** How fast it goes, and how long it will. */
  static String speed(SyncState sync) {
    if (sync.paused()) {
      return "paused";
    }
    String speed = ByteSize.text(sync.bytesPerSecond()) + "/s";
    return sync.etaSeconds() < 0 ? speed : speed + ", " + ByteProgress.timeLeft(sync.etaSeconds());
  }

  /** Says how an array is after a change. */
  static void outcome(Console console, ArrayDetail array) {
    console.print(console.isForPeople() ? sentence(array) : detail(array));
  }

  private static Report sentence(ArrayDetail array) {
    long inSync = array.members().stream().filter(m -> m.state().equals("in-sync")).count();
    Report.Builder report =
        Report.builder()
            .line(
                "%s: %s, %d of %d members in sync"
                    .formatted(array.name(), state(array), inSync, array.raidDisks()));
    array.notices().forEach(notice -> report.line("note: " + notice));
    return report.build();
  }

  /** The cluster of a node. */
  static Report members(ClusterMembers members) {
    return Report.builder()
        .field("cluster", "Cluster", members.cluster())
        .field("self", "This node", members.self())
        .field("state", "State", members.state())
        .field("epoch", "Epoch", members.epoch())
        .text("ZooKeeper", use(members.zookeeper()))
        .group("zookeeper", "", useData(members.zookeeper()))
        .line("")
        .table("nodes", members.nodes().stream().map(NodeReports::member).toList())
        .build();
  }

  private static String use(ClusterMembers.ZooKeeperUse use) {
    return "%d commits, %d of them renewals, %d reads, %d changes heard of"
        .formatted(use.commits(), use.renewals(), use.reads(), use.changes());
  }

  private static Report useData(ClusterMembers.ZooKeeperUse use) {
    return Report.builder()
        .data("commits", use.commits())
        .data("renewals", use.renewals())
        .data("reads", use.reads())
        .data("changes", use.changes())
        .build();
  }

  private static Report member(ClusterMembers.Member member) {
    String slots =
        member.slots().stream()
            .map(slot -> "%s:%d".formatted(slot.array(), slot.slot()))
            .collect(Collectors.joining(" "));
    return Report.builder()
        .field("number", "Number", member.number())
        .field("name", "Name", member.name())
        .field("state", "State", member.state())
        .field("incarnation", "Incarnation", member.incarnation())
        .data("slot", member.slot().isPresent() ? member.slot().getAsInt() : null)
        .text("Slots", slots)
        .items("slots", member.slots().stream().map(NodeReports::arraySlot).toList())
        .field("waiting", "Waits for", member.waiting().orElse(null), member.waiting().orElse(""))
        .build();
  }

  private static Report arraySlot(ClusterMembers.ArraySlot slot) {
    return Report.builder().data("array", slot.array()).data("slot", slot.slot()).build();
  }

  /** What a change would do that was not made. */
  static void wouldBe(Console console, String text) {
    console.print(
        Report.builder()
            .data("dryRun", true)
            .data("would", text)
            .line("dry run: %s; nothing was changed".formatted(text))
            .build());
  }

  /** What a node did. */
  static Report outcome(NodeRequest.Outcome outcome) {
    return Report.builder().data("done", outcome.text()).line(outcome.text()).build();
  }

  /** All arrays, a line each, as /proc/mdstat has them. */
  static Report status(Console console, List<ArraySummary> arrays) {
    Report.Builder report = Report.builder();
    if (!console.isForPeople()) {
      return report.items("arrays", arrays.stream().map(NodeReports::summary).toList()).build();
    }
    if (arrays.isEmpty()) {
      report.line("no arrays");
    }
    for (ArraySummary array : arrays) {
      if (array.raidDisks() == 0) {
        report.line(
            "%1$s : %2$s, see mirrorctl detail %1$s".formatted(array.name(), array.state()));
        continue;
      }
      report.line(
          "%s : %s%s raid1 %s [%d/%d] [%s]%s%s"
              .formatted(
                  array.name(),
                  array.state(),
                  array.readOnly() ? " (read-only)" : "",
                  ByteSize.text(array.sizeBytes()),
                  array.raidDisks(),
                  array.inSync(),
                  array.map(),
                  array.slots().size() > 1 ? "  slots " + slots(array.slots()) : "",
                  array.sync().map(sync -> "  " + sync(sync)).orElse("")));
    }
    return report.build();
  }

  /** What a scan came to. */
  static Report scan(ScanResult result) {
    Report.Builder report =
        Report.builder()
            .data("disks", result.disks())
            .items("arrays", result.arrays().stream().map(NodeReports::scanned).toList())
            .data("unreadable", result.unreadable());
    if (result.arrays().isEmpty()) {
      report.line("no arrays on the %d disks that were looked at".formatted(result.disks()));
    }
    return report.build();
  }

  private static Report scanned(ScanResult.Entry array) {
    String text =
        switch (array.outcome()) {
          case ASSEMBLED -> "assembled";
          case RUNNING -> "in use already";
          case FAILED -> "left out: " + array.reason().orElse("");
          case FOREIGN -> "not for this node: " + array.reason().orElse("");
        };
    return Report.builder()
        .data("name", array.name())
        .data("uuid", array.uuid().orElse(null))
        .data("outcome", array.outcome().name().toLowerCase(Locale.ROOT))
        .data("reason", array.reason().orElse(null))
        .line("%s: %s".formatted(array.name(), text))
        .build();
  }

  private static Report summary(ArraySummary array) {
    Report.Builder report =
        Report.builder()
            .data("name", array.name())
            .data("state", array.state())
            .data("readOnly", array.readOnly())
            .data("sizeBytes", array.sizeBytes())
            .data("raidDisks", array.raidDisks())
            .data("inSync", array.inSync())
            .data("map", array.map())
            .items("slots", array.slots().stream().map(NodeReports::slot).toList());
    addSync(report, array.sync().orElse(null));
    return report.build();
  }

  private static void addSync(Report.Builder report, SyncState sync) {
    if (sync == null) {
      report.data("sync", null);
    } else {
      report.group("sync", "", syncData(sync));
    }
  }

  private static Report syncData(SyncState sync) {
    return Report.builder()
        .data("action", sync.action())
        .data("percent", sync.percent())
        .data("bytesPerSecond", sync.bytesPerSecond())
        .data("etaSeconds", sync.etaSeconds() < 0 ? null : sync.etaSeconds())
        .data("paused", sync.paused())
        .data("mismatchBytes", sync.mismatchBytes())
        .build();
  }

  /** What a check or repair found. */
  static Report scrub(Console console, String array, ScrubResult result) {
    return console.isForPeople() ? scrubText(array, result) : scrubData(array, result);
  }

  private static Report scrubData(String array, ScrubResult result) {
    return Report.builder()
        .data("array", array)
        .data("action", result.action())
        .data("complete", result.complete())
        .data("checkedBytes", result.checkedBytes())
        .data("mismatchBytes", result.mismatchBytes())
        .items("mismatches", result.mismatches().stream().map(NodeReports::mismatch).toList())
        .build();
  }

  private static Report mismatch(ScrubResult.Range range) {
    return Report.builder()
        .data("firstSector", range.firstSector())
        .data("lastSector", range.lastSector())
        .data("groups", range.groups())
        .build();
  }

  private static Report scrubText(String array, ScrubResult result) {
    Report.Builder report =
        Report.builder()
            .line(
                "%s of %s %s: %s compared, %s"
                    .formatted(
                        result.action(),
                        array,
                        result.complete() ? "done" : "broken off",
                        ByteSize.text(result.checkedBytes()),
                        verdict(result)));
    for (ScrubResult.Range range : result.mismatches()) {
      report.line(
          "  sectors %d..%d differ: %s"
              .formatted(
                  range.firstSector(),
                  range.lastSector(),
                  range.groups().stream()
                      .map(group -> String.join(" = ", group))
                      .collect(Collectors.joining(" / "))));
    }
    return report.build();
  }

  private static String verdict(ScrubResult result) {
    if (result.mismatchBytes() == 0) {
      return "no differences";
    }
    return ByteSize.text(result.mismatchBytes())
        + (result.action().equals("repair") ? " differed and were made equal" : " differ");
  }
}
