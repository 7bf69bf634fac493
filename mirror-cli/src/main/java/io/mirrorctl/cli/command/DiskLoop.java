package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.Disks;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.Failure;
import io.mirrorctl.cli.output.Report;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Looks at one disk after the other; one that cannot be read does not hide the others. */
final class DiskLoop {

  /** What a disk says. */
  interface Look {
    Finding at(BlockDevice device) throws IOException;
  }

  /**
   * @param problem why the disk is not as it should be; empty if it is
   */
  record Finding(Report report, Optional<String> problem) {}

  private DiskLoop() {}

  /** Prints what all the disks say, then what is wrong with some; fails if anything is. */
  static ExitCode run(Disks opener, List<String> disks, Console console, Look look) {
    List<Report> reports = new ArrayList<>();
    List<Failure> failures = new ArrayList<>();
    for (String disk : disks) {
      try (BlockDevice device = opener.open(disk, new DeviceAccess.ReadOnly())) {
        Finding finding = look.at(device);
        reports.add(finding.report());
        finding
            .problem()
            .ifPresent(
                why -> failures.add(new Failure(ExitCode.FAILED, device.name() + ": " + why)));
      } catch (IOException e) {
        failures.add(Failure.of(e));
        reports.add(
            Report.builder()
                .field("path", "Disk", disk)
                .field("problem", "Problem", Failure.of(e).text())
                .build());
      }
    }
    console.print(reports);
    failures.forEach(console::fail);
    return failures.isEmpty() ? ExitCode.DONE : ExitCode.FAILED;
  }
}
