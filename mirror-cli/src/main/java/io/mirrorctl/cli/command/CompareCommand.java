package io.mirrorctl.cli.command;

import com.google.common.collect.RangeSet;
import com.google.common.collect.TreeRangeSet;
import com.google.common.io.Closer;
import io.mirrorctl.cli.daemon.Disks;
import io.mirrorctl.cli.output.ByteProgress;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BadBlockLogRead;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "compare",
    description = {
      "Compare the data of members of one array that is stopped everywhere, byte by byte.",
      "Lists the ranges that differ and which disks agree, and those that a disk cannot read or",
      "has in its bad-block log. Exit code 1 if there are any.",
      "Ranges whose bitmap bits are set are allowed to differ: they are resynced at assembly."
    })
final class CompareCommand extends DiskSubcommand {
  @Parameters(
      arity = "2..*",
      paramLabel = "DISK",
      description = "Files, block devices or NBD URLs.")
  private List<String> disks;

  @Override
  ExitCode run(Console console) throws IOException {
    if (disks.size() < 2) {
      throw usage("compare takes two disks or more");
    }
    List<String> names = distinctDisks(disks);
    Disks opener = disks();
    try (var closer = Closer.create()) {
      List<ComparedMember> members = new ArrayList<>();
      for (String name : names) {
        members.add(ComparedMember.read(closer.register(open(opener, name, console))));
      }
      ComparedMember.checkSameArray(members);
      tellWhatIsOdd(members, console);
      return compare(members, console);
    }
  }

  /** Exclusively, so that nobody writes meanwhile; a disk that cannot be written, for reading. */
  private static BlockDevice open(Disks opener, String disk, Console console) throws IOException {
    try {
      return opener.open(disk, new DeviceAccess.Exclusive());
    } catch (DeviceException e) {
      if (e.failure() != IoFailure.READ_ONLY) {
        throw e;
      }
      BlockDevice device = opener.open(disk, new DeviceAccess.ReadOnly());
      console.note("%s is not writable, so nobody can be kept from changing it meanwhile", disk);
      return device;
    }
  }

  private static void tellWhatIsOdd(List<ComparedMember> members, Console console) {
    Superblock first = members.getFirst().superblock();
    for (ComparedMember member : members) {
      Superblock s = member.superblock();
      if (member.isRecovering()) {
        console.note(
            "%s is being rebuilt: from sector %d on it is not expected to agree",
            member.device().name(), s.recoveryOffset());
      }
      if (s.events() != first.events()) {
        console.note(
            "%s has %d events, %s has %d: one of them missed changes of the array",
            member.device().name(), s.events(), members.getFirst().device().name(), first.events());
      }
      if (member.metadata().badBlockLog() instanceof BadBlockLogRead.Corrupt corrupt) {
        console.note("%s: %s; any of its data may be stale", member.device().name(), corrupt);
      }
      if (s.size() != first.size()) {
        console.note(
            "%s uses %d sectors, %s %d: what they have in common is compared",
            member.device().name(), s.size(), members.getFirst().device().name(), first.size());
      }
    }
    if (members.size() < first.raidDisks()) {
      console.note("%d of the array's %d members are compared", members.size(), first.raidDisks());
    }
  }

  private static ExitCode compare(List<ComparedMember> members, Console console)
      throws IOException {
    long sectors = members.stream().mapToLong(m -> m.superblock().size()).min().orElseThrow();
    long bytes = sectors * SectorRange.SECTOR_BYTES;
    RangeSet<Long> dirty = TreeRangeSet.create();
    for (ComparedMember member : members) {
      addDirtySectors(member, dirty, console);
    }
    Env env = Env.system();
    var comparison =
        new Comparison(members.stream().map(ComparedMember::data).toList(), bytes, env.io());
    Comparison.Result result;
    try (ByteProgress progress = console.progress("compare", bytes, env)) {
      result = comparison.run(progress::at);
    }
    console.print(ComparisonReport.of(members, bytes, result, dirty));
    return result.identical() ? ExitCode.DONE : ExitCode.FAILED;
  }

  private static void addDirtySectors(ComparedMember member, RangeSet<Long> dirty, Console console)
      throws IOException {
    try {
      member.addDirtySectors(dirty);
    } catch (DeviceException e) {
      if (e.failure() != IoFailure.MEDIUM) {
        throw e;
      }
      console.note("the bitmap of %s is left out: %s", member.device().name(), e.getMessage());
    }
  }
}
