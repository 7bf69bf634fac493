package io.mirrorctl.core.array;

import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
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
  private final AlignedBuffers buffers;
  private final Executor io;

  RangeCopy(
      Membership membership,
      IoGate gate,
      RangeLock ranges,
      MemberWrites writes,
      ReadRepair repair,
      AlignedBuffers buffers,
      Executor io) {
    this.membership = membership;
    this.gate = gate;
    this.ranges = ranges;
    this.writes = writes;
    this.repair = repair;
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
      return copyHeld(range, wanted, buffer.limit((int) range.lengthBytes()));
    } finally {
      buffers.release(buffer);
    }
  }

  private boolean copyHeld(SectorRange range, Predicate<Leg> wanted, ByteBuffer buffer)
      throws IOException {
    List<Legs.Failure> failures;
    Legs.Failure unreadable = null;
    gate.enter();
    try {
      MemberSet set = membership.current();
      Leg source = source(set, range).orElse(null);
      if (source == null) {
        throw new DeviceException(
            IoFailure.MEDIUM, "sectors " + range + " cannot be read from any in-sync member");
      }
      List<Leg> targets =
          set.receiving().stream()
              .filter(leg -> leg.member() != source.member() && wanted.test(leg))
              .filter(leg -> !membership.isCondemned(leg.member()))
              .toList();
      if (targets.isEmpty()) {
        return true;
      }
      if (isHole(source, range)) {
        failures = Legs.run(targets, leg -> zero(leg, range), io);
      } else {
        try {
          source.member().read(range.startBytes(), buffer);
          buffer.flip();
          failures = Legs.run(targets, leg -> fill(leg, range, buffer), io);
        } catch (java.io.InterruptedIOException e) {
          throw e;
        } catch (IOException e) {
          unreadable = new Legs.Failure(source, e);
          failures = List.of();
        }
      }
    } finally {
      gate.exit();
    }
    if (unreadable != null) {
      repair.read(
          unreadable, range.startBytes(), buffer.clear().limit((int) range.lengthBytes()), true);
      return false;
    }
    failures.forEach(writes::lose);
    return failures.isEmpty();
  }

  private static Optional<Leg> source(MemberSet set, SectorRange range) {
    return ReadPolicy.byHash(
        set,
        range.startBytes() / ReadPolicy.UNIT_BYTES,
        leg -> leg.member().canRead(range.startBytes(), range.lengthBytes()));
  }

  private static boolean isHole(Leg source, SectorRange range) throws IOException {
    if (!source.member().discardsToZeroes()) {
      return false;
    }
    long zeroes = 0;
    for (BlockDevice.Extent extent :
        source.member().extents(range.startBytes(), range.lengthBytes())) {
      if (!extent.zero()) {
        return false;
      }
      zeroes += extent.length();
    }
    return zeroes >= range.lengthBytes();
  }

  private static void zero(Leg leg, SectorRange range) throws IOException {
    leg.member().writeZeroes(range.startBytes(), range.lengthBytes(), WriteOption.NONE);
  }

  private static void fill(Leg leg, SectorRange range, ByteBuffer data) throws IOException {
    leg.member().write(range.startBytes(), data.duplicate(), WriteOption.NONE);
  }
}
