package io.mirrorctl.core.array;

import io.mirrorctl.core.bitmap.WriteIntentBitmap;
import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * Serves a read that a member could not: from another member, whose data is then written back over
 * the unreadable sectors and read again. The range is held meanwhile, so that no older data goes
 * over a write that came in between (schedule R10). A member that cannot be mended, has had too
 * many errors, or is gone altogether is failed; the last in-sync member never is, its error goes to
 * the client. On a read-only array nothing is mended.
 */
final class ReadRepair {
  private final Membership membership;
  private final IoGate gate;
  private final RangeLock ranges;
  private final MemberWrites writes;
  private final ClusterPort cluster;
  private final Supplier<WriteIntentBitmap> bitmap;
  private final AlignedBuffers buffers;
  private final ArrayOptions options;
  private final Consumer<ArrayEvent> events;

  ReadRepair(
      Membership membership,
      IoGate gate,
      RangeLock ranges,
      MemberWrites writes,
      ClusterPort cluster,
      Supplier<WriteIntentBitmap> bitmap,
      AlignedBuffers buffers,
      ArrayOptions options,
      Consumer<ArrayEvent> events) {
    this.membership = membership;
    this.gate = gate;
    this.ranges = ranges;
    this.writes = writes;
    this.cluster = cluster;
    this.bitmap = bitmap;
    this.buffers = buffers;
    this.options = options;
    this.events = events;
  }

  /**
   * Fills the buffer from a member that can be read.
   *
   * @param rangeHeld the caller has the range already
   */
  void read(Legs.Failure failure, long offset, ByteBuffer into, boolean rangeHeld)
      throws IOException {
    if (rangeHeld) {
      readHeld(failure, offset, into, failure.leg().member());
      return;
    }
    SectorRange range = SectorRange.coveringBytes(offset, into.remaining());
    try (ClusterPort.Permit permit = cluster.beginRepair()) {
      try {
        // rewriting beside another node's writes would undo them
        permit.announce(List.of(ClusterPort.Window.of(range)));
        try (var _ = ranges.acquire(range)) {
          boolean same = !bitmap.get().isAnyNeeded(range); // else a write failed in between
          readHeld(failure, offset, into, same ? failure.leg().member() : null);
        }
      } finally {
        permit.announce(List.of());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a read error waited to be repaired");
    }
  }

  /** Sectors are mended in pieces of this many bytes, so that good ones are left alone. */
  static final int PIECE_BYTES = 4096;

  private void readHeld(Legs.Failure first, long offset, ByteBuffer into, Member asked)
      throws IOException {
    Set<Member> counted = new HashSet<>();
    if (isOfMedium(first)) {
      counted.add(first.leg().member());
      first.leg().member().readErrors().incrementAndGet();
    } else {
      writes.lose(first);
      membership.awaitSettled();
    }
    readPieces(offset, into, counted, asked);
  }

  /**
   * Fills the buffer piece by piece, each from the member that reads of it are served from. The
   * range is held by the caller.
   */
  void gather(long offset, ByteBuffer into) throws IOException {
    readPieces(offset, into, new HashSet<>(), null);
  }

  /**
   * @param asked whom the caller wanted to read, and who gives all pieces that it can, so that a
   *     scrub sees this member and not another; null for anybody
   */
  private void readPieces(long offset, ByteBuffer into, Set<Member> counted, Member asked)
      throws IOException {
    int start = into.position();
    int end = into.limit();
    while (into.position() < end) {
      long at = offset + into.position() - start;
      int piece = (int) Math.min(PIECE_BYTES - at % PIECE_BYTES, end - into.position());
      readPiece(at, into.slice(into.position(), piece), counted, asked);
      into.position(into.position() + piece);
    }
  }

  private void readPiece(long offset, ByteBuffer into, Set<Member> counted, Member asked)
      throws IOException {
    Set<Member> unreadable = new HashSet<>();
    Legs.Failure failure = readOther(offset, into.duplicate(), unreadable, asked, null);
    while (failure != null) {
      Member bad = failure.leg().member();
      unreadable.add(bad);
      if (isOfMedium(failure)) {
        if (counted.add(bad)) {
          bad.readErrors().incrementAndGet();
        }
      } else {
        writes.lose(failure);
        membership.awaitSettled();
        if (DeviceException.kindOf(failure.cause()) == IoFailure.VOLATILE_LOSS) {
          unreadable.remove(bad);
        }
      }
      failure = readOther(offset, into.duplicate(), unreadable, asked, failure);
    }
    if (!options.readOnly()) {
      mendAll(unreadable, offset, into.duplicate());
    }
    membership.awaitSettled();
  }

  private static boolean isOfMedium(Legs.Failure failure) {
    IoFailure kind = DeviceException.kindOf(failure.cause());
    return kind == IoFailure.MEDIUM || kind == IoFailure.OTHER;
  }

  /** Answers with the next failure, or null when the buffer is filled. */
  private Legs.Failure readOther(
      long offset, ByteBuffer into, Set<Member> failed, Member asked, Legs.Failure last)
      throws IOException {
    gate.enter();
    try {
      Predicate<Leg> readable =
          leg ->
              !failed.contains(leg.member())
                  && !membership.isCondemned(leg.member())
                  && leg.member().canRead(offset, into.remaining());
      MemberSet set = membership.current();
      ReadPolicy policy = options.readPolicy();
      long unit = offset / ReadPolicy.UNIT_BYTES;
      Predicate<Leg> good =
          leg -> readable.test(leg) && leg.member().isGood(offset, into.remaining());
      Optional<Leg> other =
          set.inSync().stream()
              .filter(leg -> leg.member() == asked && readable.test(leg))
              .findFirst()
              .or(() -> policy.choose(set, unit, false, good))
              .or(() -> policy.choose(set, unit, false, readable));
      if (other.isEmpty()) {
        throw unreadable(SectorRange.coveringBytes(offset, into.remaining()), last);
      }
      return Legs.attempt(other.get(), leg -> leg.member().read(offset, into.duplicate()))
          .orElse(null);
    } finally {
      gate.exit();
    }
  }

  private IOException unreadable(SectorRange range, Legs.Failure last) {
    if (last == null) {
      return new DeviceException(
          IoFailure.MEDIUM, "sectors " + range + " cannot be read from any in-sync member");
    }
    events.accept(
        new ArrayEvent.ReadFailed(last.leg().member().disk(), range, last.cause().getMessage()));
    return isOfMedium(last)
        ? new DeviceException(IoFailure.MEDIUM, last.cause().getMessage(), last.cause())
        : last.cause();
  }

  private void mendAll(Set<Member> failed, long offset, ByteBuffer good) throws IOException {
    for (Member member : failed) {
      gate.enter();
      Legs.Failure failure = null;
      try {
        Optional<Leg> leg = membership.current().find(member);
        if (leg.isPresent() && leg.get().isInSync() && !membership.isCondemned(member)) {
          failure = mend(leg.get(), offset, good);
        }
      } finally {
        gate.exit();
      }
      if (failure != null) {
        // a member that comes back by bitmap lacks it
        bitmap.get().markNeeded(SectorRange.coveringBytes(offset, good.remaining()));
        writes.lose(failure);
      }
    }
  }

  private Legs.Failure mend(Leg leg, long offset, ByteBuffer good) {
    Member member = leg.member();
    SectorRange range = SectorRange.coveringBytes(offset, good.remaining());
    int count = member.readErrors().get();
    if (count > options.maxReadErrors()) {
      return new Legs.Failure(
          leg,
          new DeviceException(
              IoFailure.MEDIUM,
              "%s: more than %d read errors, the last at sectors %s"
                  .formatted(member, options.maxReadErrors(), range)));
    }
    return Legs.attempt(leg, _ -> rewrite(member, range, good.duplicate(), count)).orElse(null);
  }

  private void rewrite(Member member, SectorRange range, ByteBuffer good, int count)
      throws IOException {
    ByteBuffer again = buffers.acquire(good.remaining());
    try {
      member.write(range.startBytes(), good.duplicate(), WriteOption.ONLY_DURABLE);
      member.read(range.startBytes(), again);
      if (!again.flip().equals(good)) {
        throw new DeviceException(
            IoFailure.MEDIUM, member + ": sectors " + range + " do not keep what is written");
      }
    } finally {
      buffers.release(again);
    }
    member.readCorrected();
    events.accept(new ArrayEvent.ReadErrorCorrected(member.disk(), range, count));
  }
}
