package io.mirrorctl.cli.command;

import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.Report;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.SuperblockRead;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "examine-bitmap",
    description = {
      "Print all slots of the write-intent bitmap of disks, as mdadm -X does.",
      "Exit code 1 if one of them has no bitmap, or one that is damaged."
    })
final class ExamineBitmapCommand extends DiskSubcommand {
  @Parameters(arity = "1..*", paramLabel = "DISK", description = "File, block device or NBD URL.")
  private List<String> disks;

  @Override
  ExitCode run(Console console) throws IOException {
    return DiskLoop.run(disks(), disks(disks), console, ExamineBitmapCommand::examine);
  }

  private static DiskLoop.Finding examine(BlockDevice device) throws IOException {
    MemberMetadata metadata = MemberMetadata.read(device);
    var report = Report.builder().field("path", "Disk", device.name());
    Optional<String> problem = problem(metadata.superblock());
    if (problem.isEmpty() && metadata.bitmapKind() == BitmapKind.NONE) {
      problem = Optional.of("the array has no bitmap");
    }
    if (!metadata.bitmapHeaders().isEmpty()) {
      Optional<String> inSlots = BitmapReport.add(device, metadata, report);
      problem = problem.or(() -> inSlots);
    }
    report.data("problem", problem.orElse(null));
    return new DiskLoop.Finding(report.build(), problem);
  }

  private static Optional<String> problem(SuperblockRead read) {
    return switch (read) {
      case SuperblockRead.Valid _ -> Optional.empty();
      case SuperblockRead.Unsupported(var _, String reason) ->
          Optional.of("cannot be assembled: " + reason);
      case SuperblockRead.Corrupt corrupt ->
          Optional.of(corrupt + "; there is no telling where its bitmap is");
      case SuperblockRead.Absent(String reason) ->
          Optional.of("not a member of an array: " + reason);
    };
  }
}
