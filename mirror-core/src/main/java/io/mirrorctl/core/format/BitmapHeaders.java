package io.mirrorctl.core.format;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.util.Optional;

/**
 * The headers of all slots of a member, judged by its superblock and by each other.
 *
 * @param reads by slot number
 * @param area where the slots are, if slot 0 can be believed
 */
record BitmapHeaders(
    BitmapKind kind, ImmutableList<BitmapHeaderRead> reads, Optional<BitmapArea> area) {

  static final BitmapHeaders NONE =
      new BitmapHeaders(BitmapKind.NONE, ImmutableList.of(), Optional.empty());

  private static final long FIRST_SECTOR = Superblock.SUPER_OFFSET + SuperblockRules.BLOCK_SECTORS;

  static BitmapHeaders read(AlignedReader reader, Superblock s) throws IOException {
    if (!s.has(Feature.BITMAP_OFFSET)) {
      return NONE;
    }
    long start = s.superOffset() + s.bitmapOffset();
    long limit = Math.min(reader.deviceSectors(), Math.max(0, s.dataOffset()));
    if (start < FIRST_SECTOR || start >= limit) {
      return broken(
          s,
          new BitmapHeaderRead.Corrupt(
              "bitmap_offset",
              "a place between superblock and data",
              Integer.toString(s.bitmapOffset())));
    }
    BitmapHeaderRead first = judge(headerAt(reader, start * SectorRange.SECTOR_BYTES), s);
    if (!(first instanceof BitmapHeaderRead.Valid(BitmapHeader header))) {
      return broken(s, first);
    }
    var area = new BitmapArea(start, header.geometry(), header.slots());
    if (area.range().end() > limit) {
      return broken(
          s,
          new BitmapHeaderRead.Corrupt(
              "nodes, chunksize",
              "slots that end before sector " + limit,
              "%s slots of %s bytes from sector %s"
                  .formatted(area.slots(), area.geometry().strideBytes(), start)));
    }
    var reads = ImmutableList.<BitmapHeaderRead>builder().add(first);
    for (int slot = 1; slot < area.slots(); slot++) {
      BitmapHeaderRead read = judge(headerAt(reader, area.slotOffsetBytes(slot)), s);
      reads.add(compare(read, header));
    }
    BitmapKind kind =
        header.version() == BitmapHeader.VERSION_CLUSTERED
            ? BitmapKind.CLUSTERED
            : BitmapKind.INTERNAL;
    return new BitmapHeaders(kind, reads.build(), Optional.of(area));
  }

  /** Whether any slot, as far as the slots are known, has one of these device sectors. */
  boolean overlaps(SectorRange sectors) {
    return area.isPresent() && area.get().range().overlaps(sectors);
  }

  private static BitmapHeaders broken(Superblock s, BitmapHeaderRead first) {
    boolean clustered =
        s.has(Feature.CLUSTERED)
            || (first instanceof BitmapHeaderRead.Unsupported(BitmapHeader h, String _)
                && h.version() == BitmapHeader.VERSION_CLUSTERED);
    return new BitmapHeaders(
        clustered ? BitmapKind.CLUSTERED : BitmapKind.INTERNAL,
        ImmutableList.of(first),
        Optional.empty());
  }

  private static BitmapHeaderRead headerAt(AlignedReader reader, long offset) throws IOException {
    return BitmapHeaderCodec.decode(reader.read(offset, BitmapHeaderCodec.BYTES));
  }

  /** What the superblock has to say to a header. */
  private static BitmapHeaderRead judge(BitmapHeaderRead read, Superblock s) {
    if (!(read instanceof BitmapHeaderRead.Valid(BitmapHeader header))) {
      return read;
    }
    if (!header.uuid().equals(s.setUuid())) {
      return new BitmapHeaderRead.Corrupt(
          "uuid", MdUuid.format(s.setUuid()), MdUuid.format(header.uuid()));
    }
    if (header.syncSize() != s.size() && s.level() == 1) {
      return differs("sync_size", Long.toUnsignedString(s.size()), header.syncSize());
    }
    if (header.version() == BitmapHeader.VERSION_INTERNAL && s.has(Feature.CLUSTERED)) {
      return differs("version", "5 on a clustered array", header.version());
    }
    return read;
  }

  /** What slot 0 has to say to the header of another slot. */
  private static BitmapHeaderRead compare(BitmapHeaderRead read, BitmapHeader first) {
    if (!(read instanceof BitmapHeaderRead.Valid(BitmapHeader header))) {
      return read;
    }
    if (header.version() != first.version()) {
      return differs("version", first.version() + " as in slot 0", header.version());
    }
    if (header.syncSize() != first.syncSize()) {
      return differs("sync_size", first.syncSize() + " as in slot 0", header.syncSize());
    }
    if (header.chunksize() != first.chunksize()) {
      return differs("chunksize", first.chunksize() + " as in slot 0", header.chunksize());
    }
    if (header.nodes() != first.nodes()) {
      return differs("nodes", first.nodes() + " as in slot 0", header.nodes());
    }
    return read;
  }

  private static BitmapHeaderRead differs(String field, String expected, long found) {
    return new BitmapHeaderRead.Corrupt(field, expected, Long.toString(found));
  }
}
