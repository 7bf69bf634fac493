package io.mirrorctl.cli.daemon;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapHeaderRead;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.MdUuid;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockRead;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

/**
 * Finds members of arrays among the disks that the node is configured to look at, by what their
 * superblocks say. It only reads, disturbs nobody who has a disk in use, and opens nothing that is
 * neither a regular file nor a block device.
 *
 * <p>Threading: any thread. Blocks: as long as the slowest disk takes to answer, some 10 s for an
 * NBD server that is silent.
 */
public final class DiskSearch {
  private static final System.Logger LOG = System.getLogger(DiskSearch.class.getName());

  private final ImmutableList<String> patterns;
  private final Disks disks;
  private final Env env;

  /**
   * @param patterns absolute paths with {@code *}, {@code ?} and {@code [...]} in their names, and
   *     NBD URLs, as {@link #checkPattern} returns them
   * @param disks opens them
   */
  public DiskSearch(List<String> patterns, Disks disks, Env env) {
    this.patterns = patterns.stream().map(DiskPatterns::check).collect(toImmutableList());
    this.disks = disks;
    this.env = env;
  }

  /**
   * A disk with a superblock that can be assembled.
   *
   * @param disk its path or URL
   * @param kind of the array's bitmap
   * @param cluster that the bitmap names; empty if it is not a clustered one, or cannot be read
   */
  record Found(String disk, Superblock superblock, BitmapKind kind, String cluster) {}

  /**
   * What was seen.
   *
   * @param looked how many disks were looked at
   * @param unreadable those that could not be read, each with the reason
   */
  record Look(int looked, ImmutableList<Found> members, ImmutableList<String> unreadable) {}

  private sealed interface Sight {
    record Member(Found found) implements Sight {}

    record Stranger() implements Sight {}

    record Unreadable(String reason) implements Sight {}
  }

  /**
   * Returns the pattern in the form in which its disks will be named.
   *
   * @throws IllegalArgumentException if it can name no disk
   */
  public static String checkPattern(String pattern) {
    return DiskPatterns.check(pattern);
  }

  /** Whether there is nowhere to look. */
  boolean isEmpty() {
    return patterns.isEmpty();
  }

  /**
   * The path or URL of the disk with this device UUID. Empty if there is none, or if there are
   * several: which of two copies is meant is not for this node to guess, and the log names them.
   */
  public Optional<String> find(UUID device) {
    List<String> found =
        look().members().stream()
            .filter(member -> member.superblock().deviceUuid().equals(device))
            .map(Found::disk)
            .toList();
    if (found.size() > 1) {
      LOG.log(
          Level.WARNING,
          "{0} all have the device UUID {1}, so none of them is taken for it; leave the copies out of the disks to look at",
          String.join(", ", found),
          MdUuid.format(device));
      return Optional.empty();
    }
    return found.stream().findFirst();
  }

  /** Looks at all disks. */
  Look look() {
    List<String> names = DiskPatterns.expand(patterns);
    List<CompletableFuture<Sight>> sights = new ArrayList<>();
    for (String disk : names) {
      sights.add(
          NbdUri.looksLike(disk) // a server that is away must not hold up the others
              ? CompletableFuture.supplyAsync(() -> sight(disk), env.ioOrHere())
              : CompletableFuture.completedFuture(sight(disk)));
    }
    var members = ImmutableList.<Found>builder();
    var unreadable = ImmutableList.<String>builder();
    for (CompletableFuture<Sight> sight : sights) {
      switch (sight.join()) {
        case Sight.Member(Found found) -> members.add(found);
        case Sight.Unreadable(String reason) -> unreadable.add(reason);
        case Sight.Stranger _ -> {}
      }
    }
    return new Look(names.size(), members.build(), unreadable.build());
  }

  private Sight sight(String disk) {
    try (BlockDevice device = disks.open(disk, new DeviceAccess.ReadOnly())) {
      MemberMetadata metadata = MemberMetadata.read(device);
      return metadata.superblock() instanceof SuperblockRead.Valid(Superblock superblock)
          ? new Sight.Member(new Found(disk, superblock, metadata.bitmapKind(), cluster(metadata)))
          : new Sight.Stranger();
    } catch (IOException e) {
      return new Sight.Unreadable(e.getMessage());
    }
  }

  private static String cluster(MemberMetadata metadata) {
    return metadata.bitmapKind() == BitmapKind.CLUSTERED
            && !metadata.bitmapHeaders().isEmpty()
            && metadata.bitmapHeaders().getFirst()
                instanceof BitmapHeaderRead.Valid(BitmapHeader header)
        ? header.clusterName()
        : "";
  }
}
