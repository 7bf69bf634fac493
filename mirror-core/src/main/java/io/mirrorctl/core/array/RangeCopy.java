package io.mirrorctl.core.array;

import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Predicate;

/**
 * Copies a range from the member that reads are served from to others (resync and recovery). The
 * range is held, so no write comes in between. A target that fails is failed; a source that cannot
 * be read makes way for the next one, and is failed when it cannot be mended.
 */
final class RangeCopy {
  private final Membership membership;
  private final IoGate gate;
  private final RangeLock ranges;
  private final MemberWrites writes;
  private final ReadRepair repair;
  private final ReadPolicy policy;
  private final AlignedBuffers buffers;
  private final Executor io;

  RangeCopy(
      Membership membership,
      IoGate gate,
      RangeLock ranges,
      MemberWrites writes,
      ReadRepair repair,
      ReadPolicy policy,
      AlignedBuffers buffers,
      Executor io) {
    this.membership = membership;
    this.gate = gate;
    this.ranges = ranges;
    this.writes = writes;
    this.repair = repair;
    this.policy = policy;
    this.buffers = buffers;
    this.io = io;
  }

  /**
   * Makes the targets equal to the source in a range that lies inside one read unit.
   *
   * @return whether every wanted target holds the data now; else the set has changed, ask again
   */
  boolean copy(SectorRange range, Predicate<Leg> wanted) throws IOException {
    ByteBuffer buffer = buffers.acquire((int) range.lengthBytes());
    try (var _ = ranges.acquire(range)) {
      return copyHeld(range, wanted, buffer);
    } finally {
      buffers.release(buffer);
    }
  }

  private boolean copyHeld(SectorRange range, Predicate<Leg> wanted, ByteBuffer buffer)
      throws IOException {
    List<Legs.Failure> failures = List.of();
    Optional<Legs.Failure> unreadable = Optional.empty();
    MemberSet set;
    Leg source;
    gate.enter();
    try {
      set = membership.current();
      source = source(set, range).orElse(null);
      List<Leg> targets = targets(set, source, wanted);
      if (targets.isEmpty()) {
        return true;
      }
      if (source != null && isHole(source, range)) {
        failures = Legs.run(targets, leg -> zero(leg, range), io);
      } else if (source != null) {
        unreadable = Legs.attempt(source, leg -> leg.member().read(range.startBytes(), buffer));
        if (unreadable.isEmpty()) {
          failures = fill(targets, range, buffer.flip());
        }
      }
    } finally {
      gate.exit();
    }
    if (source == null || unreadable.isPresent()) {
      return copyByPieces(range, wanted, buffer.clear(), unreadable, set);
    }
    failures.forEach(writes::lose);
    return failures.isEmpty();
  }

  /**
   * For a range that no member has whole: each piece is taken from where reads of it go. If the set
   * changed meanwhile nothing is written, as readers may have another member then.
   *
   * @param unreadable the source's read error; empty if no source has the range whole
   */
  private boolean copyByPieces(
      SectorRange range,
      Predicate<Leg> wanted,
      ByteBuffer buffer,
      Optional<Legs.Failure> unreadable,
      MemberSet set)
      throws IOException {
    buffer.limit((int) range.lengthBytes());
    if (unreadable.isPresent()) {
      repair.read(unreadable.get(), range.startBytes(), buffer, true);
    } else {
      repair.gather(range.startBytes(), buffer);
    }
    Leg mended = unreadable.map(Legs.Failure::leg).orElse(null);
    List<Legs.Failure> failures;
    gate.enter();
    try {
      if (membership.current() != set) {
        return false;
      }
      failures = fill(targets(set, mended, wanted), range, buffer.flip());
    } finally {
      gate.exit();
    }
    failures.forEach(writes::lose);
    return failures.isEmpty();
  }

  private List<Leg> targets(MemberSet set, Leg source, Predicate<Leg> wanted) {
    return set.receiving().stream()
        .filter(leg -> source == null || leg.member() != source.member())
        .filter(wanted)
        .filter(leg -> !membership.isCondemned(leg.member()))
        .toList();
  }

  /** The member that reads of this range go to, if it has all of it. */
  private Optional<Leg> source(MemberSet set, SectorRange range) {
    return policy
        .choose(
            set,
            range.startBytes() / ReadPolicy.UNIT_BYTES,
            false,
            leg -> !membership.isCondemned(leg.member()))
        .filter(leg -> leg.member().isGood(range.startBytes(), range.lengthBytes()));
  }

  /** A member that cannot tell is taken to hold data. */
  private static boolean isHole(Leg source, SectorRange range) {
    if (!source.member().discardsToZeroes()) {
      return false;
    }
    List<BlockDevice.Extent> extents = new ArrayList<>();
    boolean told =
        Legs.attempt(
                source,
                leg ->
                    extents.addAll(leg.member().extents(range.startBytes(), range.lengthBytes())))
            .isEmpty();
    return told
        && extents.stream().allMatch(BlockDevice.Extent::zero)
        && extents.stream().mapToLong(BlockDevice.Extent::length).sum() >= range.lengthBytes();
  }

  private static void zero(Leg leg, SectorRange range) throws IOException {
    leg.member().writeZeroes(range.startBytes(), range.lengthBytes(), WriteOption.NONE);
  }

  private List<Legs.Failure> fill(List<Leg> targets, SectorRange range, ByteBuffer data) {
    return targets.isEmpty()
        ? List.of()
        : Legs.run(
            targets,
            leg -> leg.member().write(range.startBytes(), data.duplicate(), WriteOption.NONE),
            io);
  }
}
