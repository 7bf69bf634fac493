package io.mirrorctl.cli.command;

import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.cli.output.Report;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BadBlockLogRead;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapHeaderRead;
import io.mirrorctl.core.format.Feature;
import io.mirrorctl.core.format.MdUuid;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.Superblock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A superblock as {@code mdadm --examine} shows it to people; programs get every field under its
 * name in md_p.h, in its unit there.
 */
final class SuperblockReport {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("EEE MMM ppd HH:mm:ss yyyy", Locale.ROOT);
  private static final int BYTES_OF_BAD_BLOCK_ENTRY = 8;
  private static final String MAX = "max";
  private static final int MOST_ROLES_SHOWN = 64;

  private final MemberMetadata metadata;
  private final Superblock s;
  private final RawSuperblock raw;
  private final Report.Builder report;

  private SuperblockReport(
      MemberMetadata metadata, Superblock superblock, RawSuperblock raw, Report.Builder report) {
    this.metadata = metadata;
    this.s = superblock;
    this.raw = raw;
    this.report = report;
  }

  /**
   * Adds the fields of a superblock.
   *
   * @param raw the same as bytes
   */
  static void add(
      MemberMetadata metadata, Superblock superblock, RawSuperblock raw, Report.Builder report) {
    var fields = new SuperblockReport(metadata, superblock, raw, report);
    fields.addArray();
    fields.addLayout();
    fields.addState();
    fields.addRaw();
  }

  private void addArray() {
    report
        .field("magic", "Magic", "a92b4efc")
        .field("version", "Version", version())
        .field("feature_map", "Feature Map", s.featureMap(), "0x%x".formatted(s.featureMap()))
        .field("set_uuid", "Array UUID", MdUuid.format(s.setUuid()))
        .field("set_name", "Name", s.setName());
    clusterName().ifPresent(name -> report.field("cluster_name", "Cluster Name", name));
    report
        .text("Creation Time", time(s.ctimeInstant()))
        .field("level", "Raid Level", s.level(), level())
        .field("raid_disks", "Raid Devices", s.raidDisks())
        .line("");
  }

  private void addLayout() {
    report
        .field("data_size", "Avail Dev Size", s.dataSize(), sectorsAndSize(s.dataSize()))
        .text(
            "Array Size",
            "%s KiB (%s)".formatted(Long.toUnsignedString(s.size() >>> 1), size(s.size())));
    if (s.size() != s.dataSize()) {
      report.text("Used Dev Size", sectorsAndSize(s.size()));
    }
    report
        .field("data_offset", "Data Offset", s.dataOffset(), sectors(s.dataOffset()))
        .field("super_offset", "Super Offset", s.superOffset(), sectors(s.superOffset()));
    if (s.has(Feature.RECOVERY_OFFSET)) {
      report.text("Recovery Offset", sectors(s.recoveryOffset()));
    }
    if (s.resyncOffset() != 0 && !s.isClean()) {
      report.text("Resync Offset", sectors(s.resyncOffset()));
    }
    report
        .text("Unused Space", unusedSpace())
        .field("state", "State", s.isClean() ? "clean" : "active")
        .field("device_uuid", "Device UUID", MdUuid.format(s.deviceUuid()))
        .line("");
  }

  private void addState() {
    if (s.has(Feature.BITMAP_OFFSET)) {
      report.text("Internal Bitmap", s.bitmapOffset() + " sectors from superblock");
    }
    report.text("Update Time", time(s.utimeInstant()));
    addBadBlocks();
    String stored = "%x".formatted(raw.storedChecksum());
    String expected = "%x".formatted(raw.expectedChecksum());
    report
        .field(
            "sb_csum",
            "Checksum",
            stored,
            stored + (stored.equals(expected) ? " - correct" : " - expected " + expected))
        .field("events", "Events", s.events(), Long.toUnsignedString(s.events()))
        .line("");
    if (s.devflags() != 0) {
      report.text("Flags", flags());
    }
    report
        .field("role", "Device Role", role())
        .field(
            "array_state",
            "Array State",
            arrayState(),
            arrayState() + " ('A' == active, '.' == missing, 'R' == replacing)");
  }

  private void addBadBlocks() {
    if (s.bblogSize() == 0) {
      return;
    }
    int entries = s.bblogSize() * SectorRange.SECTOR_BYTES / BYTES_OF_BAD_BLOCK_ENTRY;
    String log = "%d entries available at offset %d sectors".formatted(entries, s.bblogOffset());
    report.text("Bad Block Log", log + (s.has(Feature.BAD_BLOCKS) ? " - bad blocks present." : ""));
    if (metadata.badBlockLog() instanceof BadBlockLogRead.Valid(var bad)) {
      List<List<Long>> ranges = new ArrayList<>();
      for (SectorRange range : bad.ranges()) {
        ranges.add(List.of(range.start(), range.end() - 1));
        report.text("Bad Sectors", range.toString());
      }
      report.data("bad_blocks", ranges);
    }
  }

  /** What people are not shown, or in other words. */
  private void addRaw() {
    List<Integer> roles = s.devRoles().asList();
    report
        .data("major_version", 1)
        .data("ctime", s.ctime())
        .data("layout", s.layout())
        .data("size", s.size())
        .data("chunksize", s.chunksize())
        .data("bitmap_offset", s.bitmapOffset())
        .data("new_level", s.newLevel())
        .data("reshape_position", s.reshapePosition())
        .data("delta_disks", s.deltaDisks())
        .data("new_layout", s.newLayout())
        .data("new_chunk", s.newChunk())
        .data("new_offset", s.newOffset())
        .data("recovery_offset", maxOr(s.recoveryOffset()))
        .data("dev_number", s.devNumber())
        .data("cnt_corrected_read", s.cntCorrectedRead())
        .data("devflags", s.devflags())
        .data("bblog_shift", s.bblogShift())
        .data("bblog_size", s.bblogSize())
        .data("bblog_offset", s.bblogOffset())
        .data("utime", s.utime())
        .data("resync_offset", maxOr(s.resyncOffset()))
        .data("max_dev", s.devRoles().length())
        .data("dev_roles", roles)
        .data("created", s.ctimeInstant().toString())
        .data("updated", s.utimeInstant().toString());
  }

  private static Object maxOr(long sectors) {
    return sectors == Superblock.MAX_SECTOR ? MAX : (Object) sectors;
  }

  private String version() {
    return s.superOffset() == Superblock.SUPER_OFFSET
        ? "1.2"
        : s.superOffset() == 0 ? "1.1" : "1.0";
  }

  private String level() {
    return switch (s.level()) {
      case -1 -> "linear";
      case 0, 1, 4, 5, 6, 10 -> "raid" + s.level();
      default -> Integer.toString(s.level());
    };
  }

  private Optional<String> clusterName() {
    if (metadata.bitmapHeaders().isEmpty()) {
      return Optional.empty();
    }
    BitmapHeader header =
        switch (metadata.bitmapHeaders().getFirst()) {
          case BitmapHeaderRead.Valid valid -> valid.header();
          case BitmapHeaderRead.Unsupported unsupported -> unsupported.header();
          case BitmapHeaderRead.Absent _, BitmapHeaderRead.Corrupt _ -> null;
        };
    return Optional.ofNullable(header).map(BitmapHeader::clusterName).filter(n -> !n.isEmpty());
  }

  /** Between superblock area and data, and behind the data, as mdadm counts. */
  private String unusedSpace() {
    long used = s.superOffset() + 8;
    if (s.has(Feature.BITMAP_OFFSET)) {
      used =
          metadata
              .bitmapArea()
              .map(area -> area.range().end())
              .orElse(s.superOffset() + s.bitmapOffset() + 8);
    }
    if (s.bblogSize() != 0 && s.bblogOffset() > 0) {
      used = Math.max(used, s.superOffset() + s.bblogOffset() + s.bblogSize());
    }
    return "before=%d sectors, after=%d sectors"
        .formatted(s.dataOffset() - used, s.dataSize() - s.size());
  }

  private String flags() {
    List<String> flags = new ArrayList<>();
    if (s.isWriteMostly()) {
      flags.add("write-mostly");
    }
    if (s.isFailfast()) {
      flags.add("failfast");
    }
    return flags.isEmpty() ? "0x%x".formatted(s.devflags()) : String.join(" ", flags);
  }

  private String role() {
    return switch (s.role()) {
      case Superblock.ROLE_SPARE -> "spare";
      case Superblock.ROLE_FAULTY -> "faulty";
      case Superblock.ROLE_JOURNAL -> "Journal";
      default -> (s.has(Feature.REPLACEMENT) ? "Replacement device " : "Active device ") + s.role();
    };
  }

  private String arrayState() {
    int roles = Math.clamp(s.raidDisks(), 0, MOST_ROLES_SHOWN);
    var state = new StringBuilder();
    for (int role = 0; role < roles; role++) {
      int wanted = role;
      long holders = s.devRoles().stream().filter(r -> r == wanted).count();
      state.append(holders == 0 ? '.' : holders == 1 ? 'A' : 'R');
    }
    return state.toString();
  }

  private static String time(Instant instant) {
    return TIME.format(instant.atZone(ZoneId.systemDefault()));
  }

  private static String sectors(long sectors) {
    return Long.toUnsignedString(sectors) + " sectors";
  }

  private static String sectorsAndSize(long sectors) {
    return "%s (%s)".formatted(sectors(sectors), size(sectors));
  }

  private static String size(long sectors) {
    return sectors < 0 || sectors > Long.MAX_VALUE / SectorRange.SECTOR_BYTES
        ? "beyond all sizes"
        : ByteSize.text(sectors * SectorRange.SECTOR_BYTES);
  }
}
