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
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
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
  private final LongAdder requests = new LongAdder();
  private volatile boolean refusing;

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
      Consumer<ArrayEvent> events) {
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
    checkBounds(offset, into.remaining());
    if (isAligned(offset, into.remaining())) {
      readAligned(offset, into, false);
      return;
    }
    long start = alignDown(offset);
    int length = (int) (alignUp(offset + into.remaining()) - start);
    ByteBuffer around = buffers.acquire(length);
    try {
      readAligned(start, around.limit(length), false);
      into.put(
          around.position((int) (offset - start)).limit((int) (offset - start) + into.remaining()));
    } finally {
      buffers.release(around);
    }
  }

  void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    int length = from.remaining();
    checkBounds(offset, length);
    if (length == 0) {
      return;
    }
    Set<WriteOption> durability = durability(options);
    if (isAligned(offset, length)) {
      try (var _ = ranges.acquire(SectorRange.coveringBytes(offset, length))) {
        writeAligned(offset, from, durability);
      }
      from.position(from.limit());
      return;
    }
    long start = alignDown(offset);
    int span = (int) (alignUp(offset + length) - start);
    ByteBuffer around = buffers.acquire(span);
    try (var _ = ranges.acquire(SectorRange.coveringBytes(start, span))) {
      readAligned(start, around.limit(span), true);
      around.position((int) (offset - start)).put(from);
      writeAligned(start, around.position(0).limit(span), durability);
    } finally {
      buffers.release(around);
    }
  }

  void flush() throws IOException {
    writes.acknowledgeable(leg -> leg.member().flush());
  }

  void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    checkBounds(offset, length);
    if (options.contains(WriteOption.FAST_ONLY) && !everyMemberHas(DeviceFeature.FAST_ZEROES)) {
      throw new DeviceException(IoFailure.NOT_SUPPORTED, "a member has no fast zeroes");
    }
    long start = Math.min(alignUp(offset), offset + length);
    long end = Math.max(alignDown(offset + length), start);
    if (start > offset) {
      write(offset, ByteBuffer.allocate((int) (start - offset)), options);
    }
    Set<WriteOption> each = new HashSet<>(options);
    each.remove(WriteOption.FAST_ONLY);
    inPieces(
        start,
        end,
        (at, piece) -> {
          try (var _ = ranges.acquire(SectorRange.coveringBytes(at, piece))) {
            change(at, piece, leg -> leg.member().writeZeroes(at, piece, each));
          }
        });
    if (end < offset + length) {
      write(end, ByteBuffer.allocate((int) (offset + length - end)), options);
    }
  }

  void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    checkBounds(offset, length);
    long start = Math.min(alignUp(offset), offset + length);
    long end = Math.max(alignDown(offset + length), start);
    if (!everyMemberHas(DeviceFeature.DISCARD_ZEROES)) {
      return;
    }
    inPieces(
        start,
        end,
        (at, piece) -> {
          try (var _ = ranges.acquire(SectorRange.coveringBytes(at, piece))) {
            change(at, piece, leg -> leg.member().discard(at, piece, options));
          }
        });
  }

  /** As the member tells it from which each part would be read. */
  List<BlockDevice.Extent> extents(long offset, long length) throws IOException {
    checkBounds(offset, length);
    List<BlockDevice.Extent> all = new ArrayList<>();
    if (!isAligned(offset, length)) {
      all.add(new BlockDevice.Extent(length, false, false));
      return all;
    }
    for (Part part : parts(membership.current(), offset, length)) {
      gate.enter();
      try {
        all.addAll(part.leg().member().extents(part.offset(), part.length()));
      } finally {
        gate.exit();
      }
      long covered = all.stream().mapToLong(BlockDevice.Extent::length).sum();
      if (covered < part.offset() + part.length() - offset || all.size() > MAX_EXTENTS) {
        break;
      }
    }
    return all;
  }

  boolean everyMemberHas(DeviceFeature feature) {
    return membership.current().receiving().stream()
        .allMatch(leg -> leg.member().device().features().contains(feature));
  }

  private static final int MAX_EXTENTS = 1024;

  /** Longest range that one change of many bytes holds at a time. */
  private static final long PIECE_BYTES = 64L << 20;

  private interface PieceOperation {
    void on(long offset, long length) throws IOException;
  }

  private static void inPieces(long start, long end, PieceOperation operation) throws IOException {
    for (long at = start; at < end; at += PIECE_BYTES) {
      operation.on(at, Math.min(PIECE_BYTES, end - at));
    }
  }

  private void writeAligned(long offset, ByteBuffer from, Set<WriteOption> durability)
      throws IOException {
    change(
        offset, from.remaining(), leg -> leg.member().write(offset, from.duplicate(), durability));
  }

  /** The range is held by the caller. */
  private void change(long offset, long length, Legs.LegOperation operation) throws IOException {
    if (refusing) {
      throw new DeviceException(IoFailure.CLOSED, "the array is being stopped");
    }
    SectorRange range = SectorRange.coveringBytes(offset, length);
    WriteIntentBitmap bits = bitmap.get();
    bits.startWrite(range);
    boolean everywhere = false;
    try {
      writes.acknowledgeable(operation);
      everywhere = true;
    } catch (InterruptedIOException e) {
      throw e;
    } catch (IOException e) {
      events.accept(new ArrayEvent.WriteFailed(range, e.getMessage()));
      throw e;
    } finally {
      bits.endWrite(range, everywhere);
    }
  }

  /** A run of bytes that is read from one member. */
  private record Part(Leg leg, long offset, long length) {}

  private List<Part> parts(MemberSet set, long offset, long length) throws IOException {
    List<Part> parts = new ArrayList<>(2);
    long at = offset;
    while (at < offset + length) {
      long unitEnd = (at / ReadPolicy.UNIT_BYTES + 1) * ReadPolicy.UNIT_BYTES;
      long end = set.inSync().size() == 1 ? offset + length : Math.min(unitEnd, offset + length);
      Leg leg = reader(set, at, end - at);
      Part last = parts.isEmpty() ? null : parts.getLast();
      if (last != null && last.leg().member() == leg.member()) {
        parts.set(parts.size() - 1, new Part(leg, last.offset(), last.length() + end - at));
      } else {
        parts.add(new Part(leg, at, end - at));
      }
      at = end;
    }
    return parts;
  }

  private Leg reader(MemberSet set, long offset, long length) throws IOException {
    SectorRange range = SectorRange.coveringBytes(offset, length);
    WriteIntentBitmap bits = bitmap.get();
    boolean dirty = bits.isNeeded(bits.geometry().firstChunk(range));
    return policy
        .choose(
            set,
            offset / ReadPolicy.UNIT_BYTES,
            dirty,
            leg -> leg.member().canRead(offset, length) && !membership.isCondemned(leg.member()))
        .orElseThrow(() ->
            new DeviceException(
                IoFailure.MEDIUM,
                "sectors " + range + " are in the bad-block log of every in-sync member"));
  }

  private void readAligned(long offset, ByteBuffer into, boolean rangeHeld) throws IOException {
    long at = offset;
    int end = into.limit();
    while (into.hasRemaining()) {
      Legs.Failure failure = null;
      Part part;
      gate.enter();
      try {
        part = parts(membership.current(), at, into.remaining()).getFirst();
        int from = into.position();
        into.limit(from + (int) part.length());
        try {
          part.leg().member().read(at, into);
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
      }
      at += part.length();
    }
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

  private void checkBounds(long offset, long length) throws DeviceException {
    if (offset < 0 || length < 0 || offset > sizeBytes() - length) {
      throw new DeviceException(
          IoFailure.INVALID,
          "%d bytes at %d are not inside the array of %d bytes"
              .formatted(length, offset, sizeBytes()));
    }
    requests.increment();
  }
}
