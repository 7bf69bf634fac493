package io.mirrorctl.cli.command;

import io.mirrorctl.cli.output.Report;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.format.ClaimArea;
import io.mirrorctl.core.format.ClaimBlock;
import io.mirrorctl.core.format.ClaimRead;
import io.mirrorctl.core.format.MemberMetadata;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Who says on a member that he has its array in use, or had it; mdadm knows nothing of it. */
final class ClaimReport {
  private ClaimReport() {}

  static void add(BlockDevice device, MemberMetadata metadata, UUID array, Report.Builder report)
      throws IOException {
    Optional<ClaimArea> area = metadata.claimArea();
    if (area.isEmpty()) {
      return;
    }
    List<Report> claims = new ArrayList<>();
    List<ClaimRead> reads = area.get().read(device);
    for (int slot = 0; slot < reads.size(); slot++) {
      switch (reads.get(slot)) {
        case ClaimRead.Valid(ClaimBlock block) when block.array().equals(array) -> {
          report.text("Claim of Slot " + slot, text(block));
          claims.add(data(block));
        }
        case ClaimRead.Valid _, ClaimRead.Absent _ -> {}
        case ClaimRead.Corrupt corrupt -> report.text("Claim of Slot " + slot, corrupt.toString());
        case ClaimRead.Unsupported(int version, int _) ->
            report.text("Claim of Slot " + slot, "version %d, unknown here".formatted(version));
      }
    }
    report.items("claims", claims);
  }

  private static String text(ClaimBlock block) {
    return "%s by %s, last written %s"
        .formatted(
            block.isHeld() ? "held" : "released",
            block.owner(),
            Instant.ofEpochMilli(block.writtenMillis()));
  }

  private static Report data(ClaimBlock block) {
    return Report.builder()
        .data("slot", block.slot())
        .data("state", block.isHeld() ? "held" : "released")
        .data("cluster", block.owner().cluster())
        .data("node", block.owner().node())
        .data("incarnation", block.owner().incarnation())
        .data("ensemble", block.owner().ensemble().toString())
        .data("epoch", block.epoch())
        .data("interval_ms", block.intervalMillis())
        .data("counter", block.counter())
        .data("written", Instant.ofEpochMilli(block.writtenMillis()).toString())
        .build();
  }
}
