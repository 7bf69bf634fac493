package io.mirrorctl.cli.command;

import com.google.common.collect.Range;
import com.google.common.collect.RangeSet;
import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.cli.output.Report;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BitmapKind;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** What a comparison found. */
final class ComparisonReport {
  private final List<ComparedMember> members;
  private final Comparison.Result result;
  private final RangeSet<Long> dirty;

  private ComparisonReport(
      List<ComparedMember> members, Comparison.Result result, RangeSet<Long> dirty) {
    this.members = members;
    this.result = result;
    this.dirty = dirty;
  }

  /**
   * @param bytes compared of each member
   * @param dirty array sectors that some bitmap allows to differ
   */
  static Report of(
      List<ComparedMember> members, long bytes, Comparison.Result result, RangeSet<Long> dirty) {
    return new ComparisonReport(members, result, dirty).build(bytes);
  }

  private Report build(long bytes) {
    long differing = result.differingSectors() * SectorRange.SECTOR_BYTES;
    long unread = result.unreadSectors() * SectorRange.SECTOR_BYTES;
    long unlisted = result.rangeCount() - result.ranges().size();
    var report =
        Report.builder()
            .data("identical", result.identical())
            .data("sizeBytes", bytes)
            .data("skippedBytes", result.skippedBytes())
            .data("differingBytes", differing)
            .data("notReadableBytes", unread)
            .data("rangeCount", result.rangeCount())
            .items("ranges", result.ranges().stream().map(this::range).toList())
            .items("members", hidden());
    if (result.identical()) {
      report.line("identical: %s on %d members".formatted(ByteSize.text(bytes), members.size()));
    } else {
      if (unlisted > 0) {
        report.line("and %d more ranges".formatted(unlisted));
      }
      if (unread > 0) {
        report.line(
            "not readable on every member: %s of %s; the array, once assembled, takes those from members that have them"
                .formatted(ByteSize.text(unread), ByteSize.text(bytes)));
      }
      report.line(
          differing == 0
              ? "no difference in what can be read"
              : "different: %s of %s, in %d ranges%s"
                  .formatted(
                      ByteSize.text(differing),
                      ByteSize.text(bytes),
                      result.differingRanges(),
                      verdict()));
    }
    return report.build();
  }

  /** What the bitmap has to say to all of it. */
  private String verdict() {
    boolean noBitmap = members.stream().allMatch(m -> m.metadata().bitmapKind() == BitmapKind.NONE);
    if (noBitmap) {
      return members.stream().allMatch(m -> m.superblock().isClean())
          ? "; the array was stopped clean, so they should not be"
          : "; the array was not stopped clean and is resynced at assembly";
    }
    boolean complete = result.ranges().size() == result.rangeCount();
    return complete
            && result.ranges().stream()
                .filter(Difference::isDifferent)
                .allMatch(d -> coverage(d).equals("all"))
        ? "; bitmap bits cover all of them, they are resynced at assembly"
        : "; not all of them are covered by bitmap bits: a scrub (check, repair) will find those";
  }

  private Report range(Difference difference) {
    SectorRange sectors = difference.sectors();
    String coverage = coverage(difference);
    List<List<String>> groups = difference.agreeing().stream().map(this::names).toList();
    List<String> failed = names(difference.with(Difference.NOT_READABLE));
    List<String> bad = names(difference.with(Difference.BAD_BLOCK));
    List<String> says = new ArrayList<>();
    if (groups.size() > 1) {
      says.add(
          groups.stream()
              .map(group -> String.join(" = ", group))
              .collect(Collectors.joining(" / ")));
    }
    if (!failed.isEmpty()) {
      says.add("not readable on " + String.join(", ", failed));
    }
    if (!bad.isEmpty()) {
      says.add("not readable on %s (bad-block log)".formatted(String.join(", ", bad)));
    }
    return Report.builder()
        .line(
            "sectors %s (%s at byte %d): %s%s"
                .formatted(
                    sectors,
                    ByteSize.text(sectors.lengthBytes()),
                    sectors.startBytes(),
                    String.join("; ", says),
                    switch (coverage) {
                      case "all" -> "; bitmap bits are set";
                      case "some" -> "; bitmap bits are set for a part of it";
                      default -> "";
                    }))
        .data("firstSector", sectors.start())
        .data("lastSector", sectors.end() - 1)
        .data("offsetBytes", sectors.startBytes())
        .data("lengthBytes", sectors.lengthBytes())
        .data("agreeing", groups)
        .data("notReadable", failed)
        .data("badBlocks", bad)
        .data("dirty", coverage)
        .build();
  }

  private List<String> names(List<Integer> group) {
    return group.stream().map(member -> members.get(member).device().name()).toList();
  }

  private String coverage(Difference difference) {
    var range = Range.closedOpen(difference.sectors().start(), difference.sectors().end());
    return dirty.encloses(range) ? "all" : dirty.intersects(range) ? "some" : "none";
  }

  private List<Report> hidden() {
    List<Report> rows = new ArrayList<>();
    for (ComparedMember member : members) {
      rows.add(
          Report.builder()
              .data("path", member.device().name())
              .data("role", member.superblock().role())
              .data("events", member.superblock().events())
              .data("dataOffsetBytes", member.superblock().dataOffset() * SectorRange.SECTOR_BYTES)
              .build());
    }
    return rows;
  }
}
