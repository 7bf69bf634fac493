package io.mirrorctl.cli.command;

import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.cli.output.Report;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapHeaderRead;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.MdUuid;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.SlotImage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The slots of a bitmap as {@code mdadm -X} shows them. */
final class BitmapReport {
  private BitmapReport() {}

  /** Adds all slots; returns what is wrong with the first that is not right. */
  static Optional<String> add(BlockDevice device, MemberMetadata metadata, Report.Builder report)
      throws IOException {
    boolean clustered = metadata.bitmapKind() == BitmapKind.CLUSTERED;
    report.field("kind", "Kind", clustered ? "clustered" : "internal");
    Optional<String> problem = Optional.empty();
    List<Report> slots = new ArrayList<>();
    for (int slot = 0; slot < metadata.bitmapHeaders().size(); slot++) {
      BitmapHeaderRead read = metadata.bitmapHeaders().get(slot);
      if (slot == 0) {
        header(read).ifPresent(header -> addArray(header, report));
      }
      var one = Report.builder().field("slot", clustered ? "Node Slot" : "", slot);
      Optional<String> wrong = addSlot(device, metadata, slot, read, one);
      one.data("problem", wrong.orElse(null));
      slots.add(one.build());
      if (problem.isEmpty() && wrong.isPresent()) {
        problem = Optional.of("slot %d: %s".formatted(slot, wrong.get()));
      }
    }
    report.items("slots", slots);
    return problem;
  }

  private static Optional<BitmapHeader> header(BitmapHeaderRead read) {
    return switch (read) {
      case BitmapHeaderRead.Valid(BitmapHeader header) -> Optional.of(header);
      case BitmapHeaderRead.Unsupported(BitmapHeader header, String _) -> Optional.of(header);
      case BitmapHeaderRead.Absent _, BitmapHeaderRead.Corrupt _ -> Optional.empty();
    };
  }

  /** What is the same in every slot. */
  private static void addArray(BitmapHeader header, Report.Builder report) {
    long syncBytes = Math.max(0, header.syncSize()) * SectorRange.SECTOR_BYTES;
    report
        .field("magic", "Magic", "6d746962")
        .field("version", "Version", header.version())
        .field("uuid", "UUID", MdUuid.format(header.uuid()))
        .field("chunkBytes", "Chunksize", header.chunksize(), ByteSize.text(header.chunksize()))
        .field(
            "daemonSleepSeconds",
            "Daemon",
            header.daemonSleep(),
            header.daemonSleep() + "s flush period")
        .field(
            "writeBehind",
            "Write Mode",
            header.writeBehind(),
            header.writeBehind() == 0
                ? "Normal"
                : "Allow write behind, max " + header.writeBehind())
        .field(
            "syncSizeBytes",
            "Sync Size",
            syncBytes,
            "%s KiB (%s)"
                .formatted(
                    Long.toUnsignedString(header.syncSize() >>> 1), ByteSize.text(syncBytes)));
    if (header.version() == BitmapHeader.VERSION_CLUSTERED) {
      report
          .field("nodes", "Cluster nodes", header.nodes())
          .field("clusterName", "Cluster name", header.clusterName());
    }
    report.line("");
  }

  private static Optional<String> addSlot(
      BlockDevice device,
      MemberMetadata metadata,
      int slot,
      BitmapHeaderRead read,
      Report.Builder report)
      throws IOException {
    return switch (read) {
      case BitmapHeaderRead.Valid(BitmapHeader header) -> {
        addHeader(header, report);
        addBits(metadata.readSlot(device, slot), report);
        yield header.isStale()
            ? Optional.of("the bitmap is out of date by its own word; it says nothing")
            : Optional.empty();
      }
      case BitmapHeaderRead.Unsupported(BitmapHeader header, String reason) -> {
        addHeader(header, report);
        yield Optional.of("not supported: " + reason);
      }
      case BitmapHeaderRead.Corrupt corrupt -> {
        report.text("State", "corrupt");
        yield Optional.of(corrupt.toString());
      }
      case BitmapHeaderRead.Absent _ -> {
        report.text("State", "absent");
        yield Optional.of("there is no bitmap, only zeroes");
      }
    };
  }

  private static void addHeader(BitmapHeader header, Report.Builder report) {
    report
        .field("events", "Events", header.events(), Long.toUnsignedString(header.events()))
        .field(
            "eventsCleared",
            "Events Cleared",
            header.eventsCleared(),
            Long.toUnsignedString(header.eventsCleared()))
        .field(
            "state",
            "State",
            header.state(),
            header.state() == 0 ? "OK" : header.isStale() ? "Out of date" : "Unknown")
        .data("chunkBytes", header.chunksize());
  }

  private static void addBits(SlotImage bits, Report.Builder report) {
    long chunks = bits.geometry().chunks();
    long dirty = bits.dirtyChunks();
    report
        .text(
            "Bitmap",
            String.format(
                Locale.ROOT,
                "%d bits (chunks), %d dirty (%.1f%%)",
                chunks,
                dirty,
                100.0 * dirty / chunks))
        .data("chunks", chunks)
        .data("dirtyChunks", dirty)
        .data(
            "dirtyRanges",
            bits.dirtyRanges().stream().map(r -> List.of(r.first(), r.last())).toList());
  }
}
