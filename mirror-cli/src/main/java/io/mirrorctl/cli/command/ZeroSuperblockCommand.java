package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.OpenDisks;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.Report;
import io.mirrorctl.core.array.ClaimGuard;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.SuperblockErasure;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "zero-superblock",
    description = {
      "Overwrite the md superblocks of disks, so that they are members of no array any more.",
      "Data and bitmap stay. Damaged superblocks are overwritten too. Refused (exit code 4) while"
          + " anybody uses one of the disks; then none is changed."
    })
final class ZeroSuperblockCommand extends DiskSubcommand {
  @Parameters(arity = "1..*", paramLabel = "DISK", description = "File, block device or NBD URL.")
  private List<String> disks;

  @Option(
      names = "--force",
      description = "Overwrite the place of a superblock also where none can be seen.")
  private boolean force;

  @Mixin private DryRunOption dryRun;

  @Override
  ExitCode run(Console console) throws IOException {
    try (OpenDisks open = OpenDisks.toOverwrite(disks(), distinctDisks(disks))) {
      List<List<SectorRange>> places = new ArrayList<>();
      for (BlockDevice device : open.devices()) {
        places.add(places(device));
        ClaimGuard.check(device, Env.system());
      }
      List<Report> reports = new ArrayList<>();
      for (int i = 0; i < places.size(); i++) {
        reports.add(erase(open.devices().get(i), places.get(i), !dryRun.isGiven()));
      }
      console.print(reports);
      return ExitCode.DONE;
    }
  }

  private List<SectorRange> places(BlockDevice device) throws IOException {
    List<SectorRange> places = new ArrayList<>(SuperblockErasure.find(device));
    SectorRange usual = SuperblockErasure.usualPlace();
    boolean roomForUsual = device.sizeBytes() >= usual.startBytes() + usual.lengthBytes();
    if (force && roomForUsual && !places.contains(usual)) {
      places.add(usual);
    }
    if (places.isEmpty()) {
      throw new CommandException(
          ExitCode.FAILED, device.name() + ": no md superblock; nothing was changed on any disk");
    }
    return places;
  }

  private static Report erase(BlockDevice device, List<SectorRange> places, boolean really)
      throws IOException {
    if (really) {
      for (SectorRange place : places) {
        SuperblockErasure.erase(device, place);
      }
    }
    List<Long> sectors = places.stream().map(SectorRange::start).toList();
    return Report.builder()
        .data("path", device.name())
        .data("erasedSectors", sectors)
        .data("dryRun", !really)
        .line(
            "%s%s: superblock %s (sector %s)"
                .formatted(
                    really ? "" : "dry run: ",
                    device.name(),
                    really ? "overwritten" : "would be overwritten",
                    join(sectors)))
        .build();
  }

  private static String join(List<Long> sectors) {
    return String.join(", ", sectors.stream().map(String::valueOf).toList());
  }
}
