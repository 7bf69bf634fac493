package io.mirrorctl.core.array;

import io.mirrorctl.core.bitmap.WriteIntentBitmap;
import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * What happens to a client's request. A write takes its place among overlapping ones, has its bits
 * durable, goes to all receiving members in parallel, and is acknowledged when none of its losses
 * is unrecorded; a read goes to the member the policy names.
 *
 * <p>Units: bytes of the array. Requests need not be aligned: what is smaller than the members'
 * sector is read, changed and written under the range lock, which is right only because no other
 * node writes these members (decision D1).
 */
final class ArrayData {
  private final Membership membership;
  private final IoGate gate;
  private final RangeLock ranges;
  private final MemberWrites writes;
  private final ReadRepair repair;
  private final Supplier<WriteIntentBitmap> bitmap;
  private final ReadPolicy policy;
  private final AlignedBuffers buffers;
  private final int unit;
  private final Consumer<ArrayEvent> events;
  private final Runnable copyDue;
  private final LongAdder requests = new LongAdder();

  /** Rises when a write has left the members of unknown equality, before its range is let go. */
  private final AtomicLong failedWrites = new AtomicLong();

  private volatile boolean refusing;

  /**
   * @param copyDue called when a write has failed and left the members of unknown equality
   */
  ArrayData(
      Membership membership,
      IoGate gate,
      RangeLock ranges,
      MemberWrites writes,
      ReadRepair repair,
      Supplier<WriteIntentBitmap> bitmap,
      ReadPolicy policy,
      AlignedBuffers buffers,
      int unit,
      Consumer<ArrayEvent> events,
      Runnable copyDue) {
    this.membership = membership;
    this.gate = gate;
    this.ranges = ranges;
    this.writes = writes;
    this.repair = repair;
    this.bitmap = bitmap;
    this.policy = policy;
    this.buffers = buffers;
    this.unit = unit;
    this.events = events;
    this.copyDue = copyDue;
  }

  long sizeBytes() {
    return membership.current().sizeSectors() * SectorRange.SECTOR_BYTES;
  }

  long requests() {
    return requests.sum();
  }

  /** From now on writes of every kind fail; returns when those under way have ended. */
  void refuseWrites() throws IOException {
    refusing = true;
    ranges.acquire(new SectorRange(0, Long.MAX_VALUE)).close();
  }

  void read(long offset, ByteBuffer into) throws IOException {
    checkRequest(offset, into.remaining());
    if (isAligned(offset, into.remaining())) {
      readAligned(offset, into, false);
      return;
    }
    inPieces(
        offset,
        offset + into.remaining(),
        COPIED_BYTES,
        (at, piece) -> {
          long start = alignDown(at);
          int skip = (int) (at - start);
          ByteBuffer around = buffers.acquire((int) (alignUp(at + piece) - start));
          try {
            readAligned(start, around, false);
            into.put(around.position(skip).limit(skip + (int) piece));
          } finally {
            buffers.release(around);
          }
        });
  }

  void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    checkRequest(offset, from.remaining());
    writePart(offset, from, durability(options));
  }

  private void writePart(long offset, ByteBuffer from, Set<WriteOption> durability)
      throws IOException {
    int length = from.remaining();
    if (length == 0) {
      return;
    }
    if (isAligned(offset, length)) {
      try (var _ = ranges.acquire(SectorRange.coveringBytes(offset, length))) {
        writeAligned(offset, from, durability);
      }
      from.position(from.limit());
      return;
    }
    int start = from.position();
    inPieces(
        offset,
        offset + length,
        COPIED_BYTES,
        (at, piece) ->
            writeAround(at, from.slice(start + (int) (at - offset), (int) piece), durability));
    from.position(from.limit());
  }

  /** Reads the sectors that are written in part, so that all are written whole. */
  private void writeAround(long offset, ByteBuffer from, Set<WriteOption> durability)
      throws IOException {
    long start = alignDown(offset);
    int span = (int) (alignUp(offset + from.remaining()) - start);
    ByteBuffer around = buffers.acquire(span);
    try (var _ = ranges.acquire(SectorRange.coveringBytes(start, span))) {
      readAligned(start, around, true);
      around.position((int) (offset - start)).put(from);
      writeAligned(start, around.position(0).limit(span), durability);
    } finally {
      buffers.release(around);
    }
  }

  void flush() throws IOException {
    checkNotInterrupted();
    writes.flush();
  }

  void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    checkRequest(offset, length);
    if (options.contains(WriteOption.FAST_ONLY) && !everyMemberHas(DeviceFeature.FAST_ZEROES)) {
      throw new DeviceException(IoFailure.NOT_SUPPORTED, "a member has no fast zeroes");
    }
    long start = Math.min(alignUp(offset), offset + length);
    long end = Math.max(alignDown(offset + length), start);
    Set<WriteOption> each = new HashSet<>(options);
    each.remove(WriteOption.FAST_ONLY);
    writePart(offset, ByteBuffer.allocate((int) (start - offset)), durability(options));
    inPieces(
        start,
        end,
        PIECE_BYTES,
        (at, piece) -> {
          try (var _ = ranges.acquire(SectorRange.coveringBytes(at, piece))) {
            change(at, piece, each, leg -> leg.member().writeZeroes(at, piece, each));
          }
        });
    writePart(end, ByteBuffer.allocate((int) (offset + length - end)), durability(options));
  }

  /** Does nothing unless every member then reads as zeroes: members must stay equal. */
  void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    checkRequest(offset, length);
    long start = Math.min(alignUp(offset), offset + length);
    long end = Math.max(alignDown(offset + length), start);
    if (!everyMemberHas(DeviceFeature.DISCARD_ZEROES)) {
      return;
    }
    Set<WriteOption> durability = durability(options);
    writePart(offset, ByteBuffer.allocate((int) (start - offset)), durability);
    inPieces(
        start,
        end,
        PIECE_BYTES,
        (at, piece) -> {
          try (var _ = ranges.acquire(SectorRange.coveringBytes(at, piece))) {
            change(
                at, piece, durability, leg -> discardToZeroes(leg.member(), at, piece, durability));
          }
        });
    writePart(end, ByteBuffer.allocate((int) (offset + length - end)), durability);
  }

  /** All members must read the same afterwards, also one that came only now. */
  private static void discardToZeroes(
      Member member, long offset, long length, Set<WriteOption> durability) throws IOException {
    if (member.discardsToZeroes()) {
      member.discard(offset, length, durability);
    } else {
      member.writeZeroes(offset, length, durability);
    }
  }

  /** As the member tells it from which each part would be read. */
  List<BlockDevice.Extent> extents(long offset, long length) throws IOException {
    checkRequest(offset, length);
    List<BlockDevice.Extent> all = new ArrayList<>();
    if (!isAligned(offset, length)) {
      all.add(new BlockDevice.Extent(length, false, false));
      return all;
    }
    for (Part part : parts(membership.current(), offset, length, MAX_EXTENTS, false)) {
      all.addAll(extents(part));
      long covered = all.stream().mapToLong(BlockDevice.Extent::length).sum();
      if (covered < part.offset() + part.length() - offset || all.size() > MAX_EXTENTS) {
        break;
      }
    }
    return all;
  }

  /** A member that cannot tell is taken to hold data everywhere. */
  private List<BlockDevice.Extent> extents(Part part) throws IOException {
    gate.enter();
    try {
      return part.leg().member().extents(part.offset(), part.length());
    } catch (InterruptedIOException e) {
      throw e;
    } catch (IOException e) {
      return List.of(new BlockDevice.Extent(part.length(), false, false));
    } finally {
      gate.exit();
    }
  }

  boolean everyMemberHas(DeviceFeature feature) {
    return membership.current().receiving().stream()
        .allMatch(leg -> leg.member().device().features().contains(feature));
  }

  private static final int MAX_EXTENTS = 1024;

  /** Longest range that one change of many bytes holds at a time. */
  private static final long PIECE_BYTES = 64L << 20;

  /** Requests that are not aligned are copied, so much at a time. */
  private static final long COPIED_BYTES = 4L << 20;

  private interface PieceOperation {
    void on(long offset, long length) throws IOException;
  }

  /** Pieces end at multiples of their size. */
  private static void inPieces(long start, long end, long size, PieceOperation operation)
      throws IOException {
    for (long at = start; at < end; ) {
      long pieceEnd = Math.min(end, (at / size + 1) * size);
      operation.on(at, pieceEnd - at);
      at = pieceEnd;
    }
  }

  private void writeAligned(long offset, ByteBuffer from, Set<WriteOption> durability)
      throws IOException {
    change(
        offset,
        from.remaining(),
        durability,
        leg -> leg.member().write(offset, from.duplicate(), durability));
  }

  /** The range is held by the caller. */
  private void change(
      long offset, long length, Set<WriteOption> options, Legs.LegOperation operation)
      throws IOException {
    if (refusing) {
      throw new DeviceException(IoFailure.CLOSED, "the array is being stopped");
    }
    var durable =
        options.contains(WriteOption.DURABLE)
            ? MemberWrites.Durable.ITSELF
            : MemberWrites.Durable.NOTHING;
    CountedWrite write = new CountedWrite(insideArray(offset, length));
    try {
      writes.acknowledgeable(write.range, durable, () -> write.end(false), operation);
      write.end(true);
    } catch (InterruptedIOException e) {
      throw e;
    } catch (IOException e) {
      events.accept(new ArrayEvent.WriteFailed(write.range, e.getMessage()));
      throw e;
    } finally {
      write.end(false);
    }
  }

  /** A write that the bitmap counts in, and out once. */
  private final class CountedWrite {
    private final SectorRange range;
    private final WriteIntentBitmap bits = bitmap.get();
    private boolean ended;

    CountedWrite(SectorRange range) throws IOException {
      this.range = range;
      bits.startWrite(range);
    }

    void end(boolean everywhere) {
      if (ended) {
        return;
      }
      ended = true;
      if (!everywhere) {
        failedWrites.incrementAndGet();
      }
      bits.endWrite(range, everywhere);
      if (!everywhere) {
        copyDue.run();
      }
    }
  }

  /**
   * The array's sectors in this range, which may end in the last sector's unit, behind the array.
   * Looked at again here, as the array may have become smaller since the request came.
   */
  private SectorRange insideArray(long offset, long length) throws DeviceException {
    SectorRange range = SectorRange.coveringBytes(offset, length);
    long size = membership.current().sizeSectors();
    if (range.start() >= size || alignUp(size * SectorRange.SECTOR_BYTES) < offset + length) {
      throw outside(offset, length);
    }
    return new SectorRange(range.start(), Math.min(range.end(), size));
  }

  /** A run of bytes that is read from one member. */
  private record Part(Leg leg, long offset, long length) {}

  /**
   * At most so many parts from the offset on.
   *
   * @param unsettled known to be; else it is looked at
   */
  private List<Part> parts(MemberSet set, long offset, long length, int most, boolean unsettled)
      throws IOException {
    List<Part> parts = new ArrayList<>(2);
    long at = offset;
    while (at < offset + length) {
      long end = Math.min(endOfRun(set, at), offset + length);
      boolean settled = !unsettled && isSettled(set, at, end - at);
      Leg leg = reader(set, at, end - at, settled);
      Part last = parts.isEmpty() ? null : parts.getLast();
      if (last != null && last.leg().member() == leg.member()) {
        parts.set(parts.size() - 1, new Part(leg, last.offset(), last.length() + end - at));
      } else if (parts.size() == most) {
        return parts;
      } else {
        parts.add(new Part(leg, at, end - at));
      }
      at = end;
    }
    return parts;
  }

  /** What the policy reads from one member; but around bad blocks each small piece for itself. */
  private static long endOfRun(MemberSet set, long at) {
    if (set.inSync().size() == 1) {
      return Long.MAX_VALUE;
    }
    long unit = ReadPolicy.UNIT_BYTES;
    long start = at / unit * unit;
    boolean bad = set.inSync().stream().anyMatch(leg -> !leg.member().isGood(start, unit));
    long run = bad ? ReadRepair.PIECE_BYTES : unit;
    return (at / run + 1) * run;
  }

  private Leg reader(MemberSet set, long offset, long length, boolean settled) throws IOException {
    long unitNumber = offset / ReadPolicy.UNIT_BYTES;
    Predicate<Leg> usable =
        leg -> leg.member().canRead(offset, length) && !membership.isCondemned(leg.member());
    Optional<Leg> reader =
        settled
            ? Optional.empty()
            : policy.choose(
                set,
                unitNumber,
                false,
                leg -> usable.test(leg) && leg.member().isGood(offset, length));
    return reader
        .or(() -> policy.choose(set, unitNumber, settled, usable))
        .orElseThrow(() ->
            new DeviceException(
                IoFailure.MEDIUM,
                "sectors %s are in the bad-block log of every in-sync member"
                    .formatted(SectorRange.coveringBytes(offset, length))));
  }

  /**
   * Whether all in-sync members hold the same there, or it does not matter, as the policy would
   * choose the same one anyway: see {@link ReadPolicy}.
   */
  private boolean isSettled(MemberSet set, long offset, long length) {
    if (set.inSync().size() == 1 || !policy.asksWhatIsSettled()) {
      return true;
    }
    SectorRange range = SectorRange.coveringBytes(offset, length);
    return ranges.isFree(range) && !bitmap.get().isAnyNeeded(range);
  }

  private void readAligned(long offset, ByteBuffer into, boolean rangeHeld) throws IOException {
    long at = offset;
    int end = into.limit();
    boolean raced = false;
    while (into.hasRemaining()) {
      Legs.Failure failure = null;
      Part part;
      boolean owed = false;
      int start = into.position();
      gate.enter();
      try {
        long failedBefore = failedWrites.get();
        MemberSet set = membership.current();
        part = parts(set, at, into.remaining(), 1, raced).getFirst();
        int from = into.position();
        into.limit(from + (int) part.length());
        try {
          part.leg().member().read(at, into);
          raced = !raced && isRaced(set, part, failedBefore);
          if (raced) {
            into.position(from).limit(end);
            continue;
          }
          owed = membership.isUnsettled() && isAnotherOnesLoss(set, part);
        } catch (InterruptedIOException e) {
          throw e;
        } catch (IOException e) {
          into.position(from);
          failure = new Legs.Failure(part.leg(), e);
        }
        into.limit(end);
      } finally {
        gate.exit();
      }
      if (failure != null) {
        repair.read(failure, at, slice(into, (int) part.length()), rangeHeld);
        into.position(into.position() + (int) part.length());
      } else if (owed) {
        membership.awaitSettled();
        into.position(start); // what was read may be undone by the way in which it was settled
        continue;
      }
      at += part.length();
    }
  }

  /**
   * Whether a write began, or failed, while this was read from a member that a resync would not
   * copy from.
   */
  private boolean isRaced(MemberSet set, Part part, long failedBefore) throws IOException {
    if (isSettled(set, part.offset(), part.length()) && failedWrites.get() == failedBefore) {
      return false;
    }
    Part unsettled = parts(set, part.offset(), part.length(), 1, true).getFirst();
    return unsettled.leg().member() != part.leg().member() || unsettled.length() < part.length();
  }

  /**
   * Whether this may be part of a write that only the members hold that remain: until the loss of
   * the other is on disk, a restart could take that one's data.
   */
  private boolean isAnotherOnesLoss(MemberSet set, Part part) {
    return set.inSync().size() > 1
        && (!policy.asksWhatIsSettled() || !isSettled(set, part.offset(), part.length()));
  }

  private static ByteBuffer slice(ByteBuffer buffer, int length) {
    return buffer.slice(buffer.position(), length);
  }

  private static Set<WriteOption> durability(Set<WriteOption> options) {
    return options.contains(WriteOption.DURABLE) ? WriteOption.ONLY_DURABLE : WriteOption.NONE;
  }

  private boolean isAligned(long offset, long length) {
    return ((offset | length) & (unit - 1)) == 0;
  }

  private long alignDown(long offset) {
    return offset & -unit;
  }

  private long alignUp(long offset) {
    return alignDown(offset + unit - 1);
  }

  private void checkRequest(long offset, long length) throws IOException {
    checkNotInterrupted();
    gate.checkOpen();
    if (offset < 0 || length < 0 || offset > sizeBytes() - length) {
      throw outside(offset, length);
    }
    requests.increment();
  }

  private static void checkNotInterrupted() throws InterruptedIOException {
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("interrupted before a request to the array");
    }
  }

  private DeviceException outside(long offset, long length) {
    return new DeviceException(
        IoFailure.INVALID,
        "%d bytes at %d are not inside the array of %d bytes"
            .formatted(length, offset, sizeBytes()));
  }
}
