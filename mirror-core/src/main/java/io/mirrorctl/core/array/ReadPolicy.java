package io.mirrorctl.core.array;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/** Which in-sync member a read goes to. Write-mostly members are read only when no other can be. */
public enum ReadPolicy {
  /**
   * Each unit of 1 MiB is read from one member, the same on every node and after every restart,
   * spread over the members by rendezvous hashing of unit and device UUID (decision D7). Keeps
   * invariant I10: a read never returns something older than an earlier read did.
   */
  STABLE {
    @Override
    Optional<Leg> choose(MemberSet set, long unit, BooleanSupplier dirty, Predicate<Leg> usable) {
      return byHash(set, unit, usable);
    }
  },
  /**
   * Reads take turns among the members, which can be faster for one client that reads one place;
   * chunks that await resync are still read as with {@link #STABLE}. While a write is in flight two
   * reads of its block may see the new and then the old data.
   */
  BALANCED {
    @Override
    Optional<Leg> choose(MemberSet set, long unit, BooleanSupplier dirty, Predicate<Leg> usable) {
      return byHash(set, dirty.getAsBoolean() ? unit : TURN.incrementAndGet(), usable);
    }
  };

  /** Bytes of array space that are read from one member. */
  static final int UNIT_BYTES = 1 << 20;

  private static final AtomicLong TURN = new AtomicLong();

  /**
   * @param unit number of the unit of {@link #UNIT_BYTES}
   * @param dirty whether the in-sync members may differ there
   * @param usable leaves out members, for example those that just failed to read it
   */
  abstract Optional<Leg> choose(
      MemberSet set, long unit, BooleanSupplier dirty, Predicate<Leg> usable);

  /** The member that {@link #STABLE} reads; resync copies from exactly this one. */
  static Optional<Leg> byHash(MemberSet set, long unit, Predicate<Leg> usable) {
    Leg best = null;
    for (Leg leg : set.inSync()) {
      if (usable.test(leg) && (best == null || isBefore(leg, best, unit))) {
        best = leg;
      }
    }
    return Optional.ofNullable(best);
  }

  private static boolean isBefore(Leg leg, Leg best, long unit) {
    if (leg.member().isWriteMostly() != best.member().isWriteMostly()) {
      return best.member().isWriteMostly();
    }
    int byHash = Long.compareUnsigned(hash(leg, unit), hash(best, unit));
    return byHash != 0 ? byHash > 0 : leg.member().uuid().compareTo(best.member().uuid()) > 0;
  }

  /**
   * Part of the contract between nodes: a change here needs a new version in the join parameters.
   */
  private static long hash(Leg leg, long unit) {
    var uuid = leg.member().uuid();
    return mix(
        mix(uuid.getMostSignificantBits() ^ mix(uuid.getLeastSignificantBits())) ^ mix(unit));
  }

  private static long mix(long value) {
    long z = value + 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
