package io.mirrorctl.core.array;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.bitmap.WriteIntentBitmap;
import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/**
 * Compares all in-sync members in a range, and makes them equal if asked. The range is held
 * meanwhile, so what is seen is no write half done.
 *
 * <p>Threading: any thread.
 */
public final class Scrubbing {
  private final Membership membership;
  private final IoGate gate;
  private final RangeLock ranges;
  private final MemberWrites writes;
  private final ReadRepair repair;
  private final ReadPolicy policy;
  private final Supplier<WriteIntentBitmap> bitmap;
  private final AlignedBuffers buffers;
  private final Executor io;
  private final long unitSectors;

  Scrubbing(
      Membership membership,
      IoGate gate,
      RangeLock ranges,
      MemberWrites writes,
      ReadRepair repair,
      ReadPolicy policy,
      Supplier<WriteIntentBitmap> bitmap,
      AlignedBuffers buffers,
      Executor io,
      int unit) {
    this.membership = membership;
    this.gate = gate;
    this.ranges = ranges;
    this.writes = writes;
    this.repair = repair;
    this.policy = policy;
    this.bitmap = bitmap;
    this.buffers = buffers;
    this.io = io;
    this.unitSectors = Math.max(1, unit / SectorRange.SECTOR_BYTES);
  }

  /** Whose data a repair takes. */
  public sealed interface Correction {
    /** Nobody's: only look. */
    record Off() implements Correction {}

    /** That of the member reads are served from, so no reader sees a change. */
    record FromReader() implements Correction {}

    /** That of one member, by the operator's word. */
    record FromDisk(String disk) implements Correction {}
  }

  /** Array size in sectors. */
  public long sizeSectors() {
    return membership.current().sizeSectors();
  }

  /**
   * The range to look at from here: at most one read unit, widened to whole sectors of the members;
   * empty at the end of the array.
   */
  public SectorRange next(long from) {
    long size = sizeSectors();
    if (from >= size) {
      return new SectorRange(from, from);
    }
    long unit = ReadPolicy.UNIT_BYTES / SectorRange.SECTOR_BYTES;
    long end = Math.min((from / unit + 1) * unit, size);
    return new SectorRange(from, Math.ceilDiv(end, unitSectors) * unitSectors);
  }

  /** What is to be looked at from here on: so many sectors, up to the end of a {@link #next}. */
  public Optional<SectorRange> ahead(long from, long sectors) {
    long size = sizeSectors();
    if (from >= size) {
      return Optional.empty();
    }
    SectorRange last = next(Math.min(from + sectors, size) - 1);
    return Optional.of(new SectorRange(from, Math.max(from + 1, last.end())));
  }

  /** Refuses a correction that has no source. */
  public void validate(Correction correction) throws ArrayException {
    if (correction instanceof Correction.FromDisk from
        && membership.current().inSync().stream()
            .noneMatch(leg -> leg.member().disk().equals(from.disk()))) {
      throw ArrayException.failed(from.disk() + " is not an in-sync member");
    }
  }

  /**
   * Looks at one range.
   *
   * @return the ranges that differed, with the members, before any correction
   */
  public List<Mismatch> check(SectorRange range, Correction correction) throws IOException {
    Map<Leg, ByteBuffer> images = new LinkedHashMap<>();
    try (var _ = ranges.acquire(range)) {
      readAll(range, images);
      List<Mismatch> mismatches = compare(range, images);
      if (!mismatches.isEmpty() && !(correction instanceof Correction.Off)) {
        correct(range, mismatches, images, correction);
      }
      return mismatches;
    } finally {
      images.values().forEach(buffers::release);
    }
  }

  /** What a member cannot read is mended from another one, so its image is whole all the same. */
  private void readAll(SectorRange range, Map<Leg, ByteBuffer> images) throws IOException {
    int length = (int) range.lengthBytes();
    List<Legs.Failure> failures;
    gate.enter();
    try {
      List<Leg> legs =
          membership.current().inSync().stream()
              .filter(leg -> !membership.isCondemned(leg.member()))
              .filter(leg -> leg.member().canRead(range.startBytes(), length))
              .toList();
      if (legs.isEmpty()) {
        return;
      }
      for (Leg leg : legs) {
        images.put(leg, buffers.acquire(length));
      }
      failures =
          Legs.run(
              legs, leg -> leg.member().read(range.startBytes(), images.get(leg).duplicate()), io);
    } finally {
      gate.exit();
    }
    for (Legs.Failure failure : failures) {
      repair.read(failure, range.startBytes(), images.get(failure.leg()).duplicate(), true);
    }
  }

  private List<Mismatch> compare(SectorRange range, Map<Leg, ByteBuffer> images) {
    List<Mismatch> found = new ArrayList<>();
    ByteBuffer first = images.values().stream().findFirst().orElse(null);
    if (images.values().stream().allMatch(image -> image.equals(first))) {
      return found;
    }
    long end = Math.min(range.end(), sizeSectors());
    for (long sector = range.start(); sector < end; sector++) {
      ImmutableList<ImmutableList<String>> groups = groups(sector - range.start(), images);
      if (groups.size() > 1) {
        Mismatch last = found.isEmpty() ? null : found.getLast();
        if (last != null && last.range().end() == sector && last.groups().equals(groups)) {
          found.set(
              found.size() - 1,
              new Mismatch(new SectorRange(last.range().start(), sector + 1), groups));
        } else {
          found.add(new Mismatch(SectorRange.ofLength(sector, 1), groups));
        }
      }
    }
    return found;
  }

  private static ImmutableList<ImmutableList<String>> groups(
      long sector, Map<Leg, ByteBuffer> images) {
    Map<ByteBuffer, List<String>> groups = new LinkedHashMap<>();
    images.forEach((leg, image) ->
        groups
            .computeIfAbsent(sector(image, sector), _ -> new ArrayList<>())
            .add(leg.member().disk()));
    return groups.values().stream()
        .map(ImmutableList::copyOf)
        .collect(ImmutableList.toImmutableList());
  }

  private static ByteBuffer sector(ByteBuffer image, long sector) {
    return image.slice((int) sector * SectorRange.SECTOR_BYTES, SectorRange.SECTOR_BYTES);
  }

  private void correct(
      SectorRange range,
      List<Mismatch> mismatches,
      Map<Leg, ByteBuffer> images,
      Correction correction)
      throws IOException {
    Leg source = source(range, images, correction);
    SectorRange differing =
        new SectorRange(mismatches.getFirst().range().start(), mismatches.getLast().range().end());
    bitmap.get().startWrite(differing);
    boolean everywhere = false;
    try {
      ByteBuffer good = images.get(source);
      writes.acknowledgeable(
          range,
          MemberWrites.Durable.NOTHING,
          () -> {},
          leg -> {
            if (leg.member() != source.member()) {
              leg.member().write(range.startBytes(), good.duplicate(), WriteOption.NONE);
            }
          });
      everywhere = true;
    } finally {
      bitmap.get().endWrite(differing, everywhere);
    }
  }

  private Leg source(SectorRange range, Map<Leg, ByteBuffer> images, Correction correction)
      throws ArrayException {
    Optional<Leg> source =
        switch (correction) {
          case Correction.FromDisk from ->
              images.keySet().stream()
                  .filter(leg -> leg.member().disk().equals(from.disk()))
                  .findFirst();
          default ->
              policy.choose(
                  membership.current(),
                  range.startBytes() / ReadPolicy.UNIT_BYTES,
                  !bitmap.get().isAnyNeeded(range),
                  leg -> images.containsKey(leg) && !membership.isCondemned(leg.member()));
        };
    return source.orElseThrow(() ->
        ArrayException.failed("sectors " + range + ": the member to repair from is not in sync"));
  }
}
