package io.mirrorctl.core.array;

import com.google.common.primitives.ImmutableIntArray;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BadBlockLog;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Feature;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockCodec;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/**
 * Writes the superblocks of all members that are not faulty: the same array part on each, durable
 * before the call returns (invariant I5).
 */
final class Superblocks {
  private final BitmapKind kind;
  private final Env env;

  /** Sectors known in sync; MAX_SECTOR when clean, 0 while the array may be written (D12). */
  private volatile long resyncOffset;

  Superblocks(BitmapKind kind, Env env) {
    this.kind = kind;
    this.env = env;
  }

  void resyncOffset(long sectors) {
    resyncOffset = sectors;
  }

  long resyncOffset() {
    return resyncOffset;
  }

  /**
   * Writes the in-sync members first: if none of them can be written, no spare and no member that
   * is being filled tells of higher events, beside which they would look stale.
   */
  List<Legs.Failure> write(MemberSet set) {
    ImmutableIntArray roles = roles(set);
    List<Legs.Failure> failures = write(set, roles, set.inSync());
    List<Leg> others =
        set.legs().stream().filter(leg -> !leg.isFaulty() && !leg.isInSync()).toList();
    return failures.isEmpty() && !others.isEmpty() ? write(set, roles, others) : failures;
  }

  private List<Legs.Failure> write(MemberSet set, ImmutableIntArray roles, List<Leg> legs) {
    return Legs.run(legs, leg -> writeOne(leg, compose(leg, set, roles)), env.io());
  }

  private static void writeOne(Leg leg, Superblock superblock) throws IOException {
    Member member = leg.member();
    BadBlockLog log = member.badBlocks().log();
    if (superblock.bblogSize() != 0
        && member.badBlocks().isChanged()
        && log.fits(superblock.bblogShift(), superblock.bblogSize())) {
      // what made the sectors good must not be lost when the log no longer calls them bad
      member.flush();
      member
          .device()
          .write(
              (superblock.superOffset() + superblock.bblogOffset()) * SectorRange.SECTOR_BYTES,
              log.encode(superblock.bblogShift(), superblock.bblogSize()),
              WriteOption.ONLY_DURABLE);
      member.badBlocks().stored(log);
    }
    member
        .device()
        .write(
            superblock.superOffset() * SectorRange.SECTOR_BYTES,
            SuperblockCodec.encode(superblock),
            WriteOption.ONLY_DURABLE);
    member.superblock(superblock);
  }

  private Superblock compose(Leg leg, MemberSet set, ImmutableIntArray roles) {
    Superblock own = leg.member().superblock();
    Superblock.Builder next =
        own.toBuilder()
            .featureMap(0)
            .size(set.sizeSectors())
            .dataSize(Math.max(own.dataSize(), set.sizeSectors()))
            .raidDisks(set.raidDisks())
            .events(set.events())
            .utime(Superblock.toRawTime(env.wallClock().instant()))
            .resyncOffset(resyncOffset)
            .recoveryOffset(0)
            .cntCorrectedRead(own.cntCorrectedRead() + leg.member().takeCorrectedReads())
            .devRoles(roles);
    if (kind != BitmapKind.NONE) {
      next.with(Feature.BITMAP_OFFSET);
    } else {
      next.bitmapOffset(0);
    }
    if (kind == BitmapKind.CLUSTERED) {
      next.with(Feature.CLUSTERED);
    }
    if (!leg.member().badBlocks().isEmpty()) {
      next.with(Feature.BAD_BLOCKS);
    }
    if (leg.state() instanceof MemberState.Recovering recovering) {
      next.with(Feature.RECOVERY_OFFSET)
          .recoveryOffset(Math.min(recovering.recoveryOffset(), set.sizeSectors()));
      if (recovering.byBitmap()) {
        next.with(Feature.RECOVERY_BITMAP);
      }
      if (recovering.replacement()) {
        next.with(Feature.REPLACEMENT);
      }
    }
    return next.build();
  }

  /** dev_roles: by dev_number, long enough for every member that this array has had. */
  private static ImmutableIntArray roles(MemberSet set) {
    int length = 0;
    for (Leg leg : set.legs()) {
      Superblock own = leg.member().superblock();
      length = Math.max(length, Math.max(own.devRoles().length(), own.devNumber() + 1));
    }
    int[] roles = new int[length];
    Arrays.fill(roles, Superblock.ROLE_SPARE);
    for (Leg leg : set.legs()) {
      roles[leg.member().devNumber()] =
          switch (leg.state()) {
            case MemberState.InSync _, MemberState.Recovering _ -> leg.role();
            case MemberState.Spare _ -> Superblock.ROLE_SPARE;
            case MemberState.Faulty _ -> Superblock.ROLE_FAULTY;
          };
    }
    return ImmutableIntArray.copyOf(roles);
  }
}
