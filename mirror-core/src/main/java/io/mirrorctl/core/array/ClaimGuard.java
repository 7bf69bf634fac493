package io.mirrorctl.core.array;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.ClaimArea;
import io.mirrorctl.core.format.ClaimOwner;
import io.mirrorctl.core.format.ClaimRead;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockRead;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * Keeps what is about to overwrite a disk from doing so while a node says that it has it in use.
 */
public final class ClaimGuard {
  private ClaimGuard() {}

  /**
   * Looks at the claims on a disk, if it is a member of a clustered array; takes some seconds if
   * one is held.
   *
   * @throws ArrayException if its owner lives; whoever is silent keeps nobody from anything
   */
  public static void check(BlockDevice disk, Env env) throws IOException {
    MemberMetadata metadata = MemberMetadata.read(disk);
    Optional<ClaimArea> area = metadata.claimArea();
    if (area.isEmpty()
        || !ClaimArea.fits(disk)
        || !(metadata.superblock() instanceof SuperblockRead.Valid(Superblock superblock))) {
      return;
    }
    ClaimOwner nobody = ClaimOwner.alone(env.randomUuid(), "");
    var watch = new ClaimWatch(superblock.setUuid(), nobody, env::millis);
    boolean unknown = true;
    while (unknown) {
      List<ClaimRead> reads = area.get().read(disk);
      List<ClaimWatch.Sight> sights = watch.look(superblock.deviceUuid(), reads);
      int living = sights.indexOf(ClaimWatch.Sight.LIVING);
      if (living >= 0) {
        throw ArrayException.refused(
            "%s is in use by %s, which says so on the disk as we look; stop the array there first"
                .formatted(disk.name(), ClaimWatch.who(reads.get(living))));
      }
      unknown = sights.contains(ClaimWatch.Sight.UNKNOWN);
      if (unknown) {
        ClaimWatch.rest(env, disk.name() + " is in use");
      }
    }
  }
}
