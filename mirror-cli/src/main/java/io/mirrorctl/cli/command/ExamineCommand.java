package io.mirrorctl.cli.command;

import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.Report;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.format.BadBlockLogRead;
import io.mirrorctl.core.format.BitmapHeaderRead;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockRead;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "examine",
    description = {
      "Print the md superblock of disks, as mdadm --examine does.",
      "Exit code 1 if one of them has none, or one that is damaged or cannot be assembled."
    })
final class ExamineCommand extends DiskSubcommand {
  @Parameters(arity = "1..*", paramLabel = "DISK", description = "File, block device or NBD URL.")
  private List<String> disks;

  @Override
  ExitCode run(Console console) throws IOException {
    return DiskLoop.run(disks(), disks(disks), console, ExamineCommand::examine);
  }

  private static DiskLoop.Finding examine(BlockDevice device) throws IOException {
    MemberMetadata metadata = MemberMetadata.read(device);
    var report = Report.builder().line(device.name() + ":").data("path", device.name());
    Optional<String> problem = add(device, metadata, report);
    report.data("problem", problem.orElse(null));
    return new DiskLoop.Finding(report.build(), problem);
  }

  private static Optional<String> add(
      BlockDevice device, MemberMetadata metadata, Report.Builder report) throws IOException {
    return switch (metadata.superblock()) {
      case SuperblockRead.Valid(Superblock superblock) -> {
        addFields(device, metadata, superblock, report);
        yield problemBeside(metadata);
      }
      case SuperblockRead.Unsupported(Superblock superblock, String reason) -> {
        addFields(device, metadata, superblock, report);
        yield Optional.of("cannot be assembled: " + reason);
      }
      case SuperblockRead.Corrupt corrupt -> {
        var raw = RawSuperblock.read(device, Superblock.SUPER_OFFSET);
        raw.flatMap(RawSuperblock::salvaged)
            .ifPresent(s -> SuperblockReport.add(metadata, s, raw.get(), report));
        yield Optional.of(corrupt + "; what is shown cannot be relied on");
      }
      case SuperblockRead.Absent(String reason) ->
          Optional.of("not a member of an array: " + reason);
    };
  }

  private static void addFields(
      BlockDevice device, MemberMetadata metadata, Superblock superblock, Report.Builder report)
      throws IOException {
    var raw = RawSuperblock.read(device, superblock.superOffset());
    if (raw.isPresent()) {
      SuperblockReport.add(metadata, superblock, raw.get(), report);
      ClaimReport.add(device, metadata, superblock.setUuid(), report);
    }
  }

  /** What is wrong with bitmap and bad-block log of a member whose superblock is right. */
  private static Optional<String> problemBeside(MemberMetadata metadata) {
    for (int slot = 0; slot < metadata.bitmapHeaders().size(); slot++) {
      if (metadata.bitmapHeaders().get(slot) instanceof BitmapHeaderRead.Corrupt corrupt) {
        return Optional.of("slot %d: %s".formatted(slot, corrupt));
      }
    }
    return metadata.badBlockLog() instanceof BadBlockLogRead.Corrupt corrupt
        ? Optional.of(corrupt.toString())
        : Optional.empty();
  }
}
