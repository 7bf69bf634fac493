package io.mirrorctl.core.array;

import java.util.Comparator;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;

/**
 * Which in-sync member a read goes to. Write-mostly members are read only when no other can be.
 *
 * <p>Every policy keeps invariant I10, that a read never returns something older than an earlier
 * read did: they differ in what they must know for it. A block is <em>settled</em> when the in-sync
 * members hold the same there: no chunk of it is needed, and no write of it is under way.
 */
public enum ReadPolicy {
  /**
   * For an array that one node has for itself and so knows what is settled. Settled blocks are read
   * as with {@link #CLUSTERED}; others from the first in-sync member by role, which is also the
   * source of a resync, as it is for Linux. What was read while a write began is read again.
   */
  LOCAL {
    @Override
    Optional<Leg> choose(MemberSet set, long unit, boolean settled, Predicate<Leg> usable) {
      return settled ? byHash(set, unit, usable) : first(set, usable);
    }
  },
  /**
   * As {@link #LOCAL}, but reads of settled blocks take turns among the members, which can be
   * faster for one client that reads one place.
   */
  BALANCED {
    @Override
    Optional<Leg> choose(MemberSet set, long unit, boolean settled, Predicate<Leg> usable) {
      return settled ? byHash(set, TURN.incrementAndGet(), usable) : first(set, usable);
    }
  },
  /**
   * For an array that others write too: each unit of 1 MiB is read from one member, the same on
   * every node and after every restart, spread over the members by rendezvous hashing of unit and
   * device UUID (decision D7). Resync copies from exactly this member.
   */
  CLUSTERED {
    @Override
    Optional<Leg> choose(MemberSet set, long unit, boolean settled, Predicate<Leg> usable) {
      return byHash(set, unit, usable);
    }

    @Override
    boolean asksWhatIsSettled() {
      return false;
    }
  };

  /** Bytes of array space that are read from one member. */
  static final int UNIT_BYTES = 1 << 20;

  private static final AtomicLong TURN = new AtomicLong();

  /**
   * @param unit number of the unit of {@link #UNIT_BYTES}
   * @param settled whether the in-sync members hold the same there
   * @param usable leaves out members, for example those that just failed to read it
   */
  abstract Optional<Leg> choose(MemberSet set, long unit, boolean settled, Predicate<Leg> usable);

  /** Whether the choice depends on what is settled; if not, it need not be found out. */
  boolean asksWhatIsSettled() {
    return true;
  }

  private static Optional<Leg> first(MemberSet set, Predicate<Leg> usable) {
    return set.inSync().stream()
        .filter(usable)
        .min(
            Comparator.comparing((Leg leg) -> leg.member().isWriteMostly())
                .thenComparingInt(Leg::role));
  }

  private static Optional<Leg> byHash(MemberSet set, long unit, Predicate<Leg> usable) {
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
