package io.mirrorctl.core.format;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * All metadata of one member as it was read at one time, but for the bits of its bitmap.
 *
 * @param deviceName name of the device this was read from
 * @param deviceSectors size of that device
 * @param superblock what was found at sector 8, or instead of it
 * @param bitmapKind what kind of bitmap superblock and bitmap header speak of
 * @param bitmapHeaders what was found at each slot, by number. If slot 0 cannot be believed there
 *     is no telling where the others are, and it stands alone; empty without bitmap
 * @param bitmapArea where the slots are; empty without bitmap and if slot 0 cannot be believed
 * @param badBlockLog the sectors that cannot be read
 */
public record MemberMetadata(
    String deviceName,
    long deviceSectors,
    SuperblockRead superblock,
    BitmapKind bitmapKind,
    ImmutableList<BitmapHeaderRead> bitmapHeaders,
    Optional<BitmapArea> bitmapArea,
    BadBlockLogRead badBlockLog) {
  private static final int READ_BYTES = 1 << 20;

  /**
   * Reads the metadata of a device, whatever it holds.
   *
   * @throws IOException if the device cannot be read; strange contents are values
   */
  public static MemberMetadata read(BlockDevice device) throws IOException {
    var reader = new AlignedReader(device);
    SuperblockRead superblock = SuperblockSearch.find(reader);
    Optional<Superblock> examinable =
        superblock.examinable().filter(s -> s.superOffset() == Superblock.SUPER_OFFSET);
    BitmapHeaders bitmap = BitmapHeaders.NONE;
    BadBlockLogRead badBlocks = new BadBlockLogRead.Absent();
    if (examinable.isPresent()) {
      bitmap = BitmapHeaders.read(reader, examinable.get());
      badBlocks = readBadBlocks(reader, examinable.get(), bitmap);
    }
    return new MemberMetadata(
        device.name(),
        reader.deviceSectors(),
        superblock,
        bitmap.kind(),
        bitmap.reads(),
        bitmap.area(),
        badBlocks);
  }

  private static BadBlockLogRead readBadBlocks(
      AlignedReader reader, Superblock s, BitmapHeaders bitmap) throws IOException {
    if (!s.has(Feature.BAD_BLOCKS)) {
      return new BadBlockLogRead.Absent();
    }
    Optional<SectorRange> place = badBlockPlace(s, reader.deviceSectors());
    if (place.isEmpty() || bitmap.overlaps(place.get())) {
      return new BadBlockLogRead.Corrupt(
          "bblog_offset and bblog_size",
          "1 to 8 sectors between superblock, bitmap and data",
          "%s and %s".formatted(s.bblogOffset(), s.bblogSize()));
    }
    ByteBuffer log =
        reader.read(place.get().startBytes(), Math.toIntExact(place.get().lengthBytes()));
    return BadBlockLog.decode(log, s.bblogShift(), reader.deviceSectors());
  }

  /** Where the superblock has its log, if that is a place behind it and before the data. */
  private static Optional<SectorRange> badBlockPlace(Superblock s, long deviceSectors) {
    long start = s.superOffset() + s.bblogOffset();
    long end = start + s.bblogSize();
    boolean fits =
        s.bblogSize() > 0
            && s.bblogSize() <= SuperblockRules.MAX_BBLOG_SECTORS
            && start >= s.superOffset() + SuperblockRules.BLOCK_SECTORS
            && end <= Math.min(deviceSectors, s.dataOffset());
    return fits ? Optional.of(new SectorRange(start, end)) : Optional.empty();
  }

  /**
   * Where a bad-block log may be written: empty on clustered arrays, and if the superblock's idea
   * of it is not between superblock and data, or inside the bitmap.
   */
  public Optional<SectorRange> badBlockArea() {
    if (!(superblock instanceof SuperblockRead.Valid(Superblock s))
        || bitmapKind == BitmapKind.CLUSTERED) {
      return Optional.empty();
    }
    boolean bitmapKnown = bitmapKind == BitmapKind.NONE || bitmapArea.isPresent();
    return badBlockPlace(s, deviceSectors)
        .filter(
            place -> bitmapKnown && bitmapArea.stream().noneMatch(a -> a.range().overlaps(place)));
  }

  /**
   * Where nodes write that they have the array in use; empty unless it is clustered, and where
   * there is no room.
   */
  public Optional<ClaimArea> claimArea() {
    return superblock instanceof SuperblockRead.Valid(Superblock s)
            && bitmapKind == BitmapKind.CLUSTERED
        ? bitmapArea.flatMap(area -> ClaimArea.of(s, area))
        : Optional.empty();
  }

  /**
   * Reads the bits of a slot.
   *
   * @param device the device this metadata came from
   * @throws IllegalArgumentException if there is no such slot or its header is not valid
   */
  public SlotImage readSlot(BlockDevice device, int slot) throws IOException {
    checkArgument(
        slot >= 0
            && slot < bitmapHeaders.size()
            && bitmapHeaders.get(slot) instanceof BitmapHeaderRead.Valid,
        "%s has no bitmap slot %s that can be read",
        deviceName,
        slot);
    var header = ((BitmapHeaderRead.Valid) bitmapHeaders.get(slot)).header();
    byte[] bits = new byte[Math.toIntExact(header.geometry().bitmapBytes())];
    long offset = bitmapArea.orElseThrow().slotOffsetBytes(slot) + BitmapHeaderCodec.BYTES;
    var reader = new AlignedReader(device);
    for (int at = 0; at < bits.length; ) {
      ByteBuffer part = reader.read(offset + at, Math.min(READ_BYTES, bits.length - at));
      int length = part.remaining();
      if (length == 0) {
        throw new IOException(
            "%s ends inside bitmap slot %s, at byte %s".formatted(deviceName, slot, offset + at));
      }
      part.get(bits, at, length);
      at += length;
    }
    return new SlotImage(header, bits);
  }
}
