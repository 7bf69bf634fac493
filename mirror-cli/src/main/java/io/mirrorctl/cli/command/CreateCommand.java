package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.HostName;
import io.mirrorctl.cli.daemon.OpenDisks;
import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.core.array.ArrayCreation;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.MemberLayout;
import io.mirrorctl.core.format.SuperblockErasure;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "create",
    description = {
      "Make a new array of disks: write bitmaps and superblocks.",
      "Disks that carry an array, a file system or a partition table are refused (exit code 4).",
      "The members are made equal when the array is first assembled, unless --assume-clean."
    },
    footer = {
      "",
      "Example: mirrorctl create vol0 /dev/sdb /dev/sdc",
      "         mirrorctl create vol0 /dev/sdb /dev/sdc --cluster lab --nodes 3"
    })
final class CreateCommand extends DiskSubcommand {
  private static final int MOST_MEMBERS = 8;
  private static final long SMALLEST_CHUNK = 4 << 10;
  private static final long LARGEST_CHUNK = 2L << 30;

  @Parameters(
      index = "0",
      paramLabel = "NAME",
      description =
          "Name of the array. Superblocks tell it as CLUSTER:NAME or HOST:NAME where that has room.")
  private String name;

  @Parameters(
      index = "1..*",
      arity = "1..*",
      paramLabel = "DISK",
      description = "Members, in the order of their roles: files, block devices or NBD URLs.")
  private List<String> disks;

  @Option(
      names = "--cluster",
      paramLabel = "NAME",
      description = "The array is for the nodes of this cluster, at the same time.")
  private String cluster;

  @Option(
      names = "--nodes",
      paramLabel = "N",
      description =
          "How many nodes of the cluster can have the array at once: slots of its bitmap, 2 to 256."
              + " Default: 4.")
  private Integer nodes;

  @Option(
      names = "--bitmap",
      paramLabel = "KIND",
      description =
          "${COMPLETION-CANDIDATES}. Default: clustered with --cluster, else internal. Without a"
              + " bitmap every crash is followed by a resync of the whole array.")
  private Bitmap bitmap;

  @Option(
      names = "--bitmap-chunk",
      paramLabel = "SIZE",
      description = "What one bit stands for, a power of two. Default: 64M, more if need be.")
  private ByteSize bitmapChunk;

  @Option(
      names = "--size",
      paramLabel = "SIZE",
      description = "What to use of each member. Default: max.")
  private ByteSize size = ByteSize.MAX;

  @Option(
      names = "--spare",
      paramLabel = "DISK",
      description = "A disk that takes the place of a member that fails.")
  private List<String> spares = List.of();

  @Option(
      names = "--write-mostly",
      paramLabel = "DISK",
      description = "One of the members, read only when no other can be. Not on clustered arrays.")
  private List<String> writeMostly = List.of();

  @Option(
      names = "--assume-clean",
      description = "The members are equal already (all zero, say): nothing is resynced.")
  private boolean assumeClean;

  @Option(names = "--force", description = "Also take disks that hold something, which is lost.")
  private boolean force;

  @Option(names = "--dry-run", description = "Check everything, print the plan, write nothing.")
  private boolean dryRun;

  /** The kinds as users write them. */
  enum Bitmap {
    clustered(BitmapKind.CLUSTERED),
    internal(BitmapKind.INTERNAL),
    none(BitmapKind.NONE);

    private final BitmapKind kind;

    Bitmap(BitmapKind kind) {
      this.kind = kind;
    }
  }

  @Override
  ExitCode run(Console console) throws IOException {
    BitmapKind kind = bitmapKind();
    checkSizes(kind);
    List<String> members = disks(disks);
    List<String> allTyped = new ArrayList<>(disks);
    allTyped.addAll(spares);
    List<String> all = distinctDisks(allTyped);
    List<String> slow = disks(writeMostly);
    for (int i = 0; i < slow.size(); i++) {
      if (!members.contains(slow.get(i))) {
        throw usage("--write-mostly %s: name one of the members", writeMostly.get(i));
      }
    }
    try (OpenDisks open = OpenDisks.toOverwrite(disks(), all)) {
      List<BlockDevice> devices = open.devices();
      var request =
          new ArrayCreation.Request(
              setName(kind),
              devices.subList(0, members.size()),
              devices.subList(members.size(), devices.size()),
              slow.stream().map(open::named).toList(),
              kind,
              nodes == null ? MemberLayout.DEFAULT_NODES : nodes,
              kind == BitmapKind.CLUSTERED ? cluster : "",
              bitmapChunk == null ? 0 : bitmapChunk.bytes(),
              size.isMax() ? 0 : size.bytes() / SectorRange.SECTOR_BYTES,
              assumeClean,
              force);
      var plan = ArrayCreation.plan(request, Env.system());
      if (!dryRun) {
        write(plan, devices);
      }
      console.print(CreationReport.of(name, request, plan, !dryRun));
      if (members.size() == 1) {
        console.note("an array of one member survives no failure until it gets a second");
      }
      return ExitCode.DONE;
    }
  }

  private BitmapKind bitmapKind() {
    Optional<String> objection =
        ArrayNames.objection(name)
            .or(() -> Optional.ofNullable(cluster).flatMap(ArrayNames::objectionToCluster));
    if (objection.isPresent()) {
      throw usage("%s", objection.get());
    }
    boolean clustered =
        bitmap == null ? cluster != null || nodes != null : bitmap == Bitmap.clustered;
    if (clustered && cluster == null) {
      throw usage("a clustered array belongs to a cluster: name it by --cluster");
    }
    if (!clustered && (cluster != null || nodes != null)) {
      throw usage(
          "--cluster and --nodes need a clustered bitmap, not --bitmap %s",
          bitmap.name().toLowerCase(Locale.ROOT));
    }
    return clustered ? BitmapKind.CLUSTERED : bitmap == null ? BitmapKind.INTERNAL : bitmap.kind;
  }

  private void checkSizes(BitmapKind kind) {
    if (!size.isMax() && (size.bytes() == 0 || size.bytes() % 1024 != 0)) {
      throw usage("--size %s: a multiple of 1K is expected, or max", size);
    }
    if (bitmapChunk != null
        && (Long.bitCount(bitmapChunk.bytes()) != 1
            || bitmapChunk.bytes() < SMALLEST_CHUNK
            || bitmapChunk.bytes() > LARGEST_CHUNK)) {
      throw usage("--bitmap-chunk %s: a power of two from 4K to 2G is expected", bitmapChunk);
    }
    if (nodes != null && (nodes < 2 || nodes > 256)) {
      throw usage("--nodes %d: 2 to 256 are expected", nodes);
    }
    if (disks.size() > MOST_MEMBERS) {
      throw usage("%d members: an array has 1 to %d", disks.size(), MOST_MEMBERS);
    }
    if (bitmapChunk != null && kind == BitmapKind.NONE) {
      throw usage("--bitmap-chunk and --bitmap none do not go together");
    }
  }

  private String setName(BitmapKind kind) {
    return ArrayNames.inSuperblock(kind == BitmapKind.CLUSTERED ? cluster : HostName.ours(), name);
  }

  /**
   * Old superblocks go first, so that whenever this ends no disk is a member of the old array with
   * half of the new one's bitmap. If it fails, none is a member of the new one.
   */
  private static void write(ArrayCreation plan, List<BlockDevice> devices) throws IOException {
    for (BlockDevice device : devices) {
      for (SectorRange old : SuperblockErasure.find(device)) {
        SuperblockErasure.erase(device, old);
      }
    }
    try {
      plan.write();
    } catch (IOException e) {
      takeBack(devices, e);
      throw e;
    }
  }

  private static void takeBack(List<BlockDevice> devices, IOException cause) {
    for (BlockDevice device : devices) {
      try {
        for (SectorRange superblock : SuperblockErasure.find(device)) {
          SuperblockErasure.erase(device, superblock);
        }
      } catch (IOException e) {
        cause.addSuppressed(e);
      }
    }
  }
}
