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
 * <p>Threading: immutable.
 */
public final class MemberMetadata {
  private static final int READ_BYTES = 1 << 20;

  private final String deviceName;
  private final long deviceSectors;
  private final SuperblockRead superblock;
  private final BitmapKind bitmapKind;
  private final ImmutableList<BitmapHeaderRead> bitmapHeaders;
  private final Optional<BitmapArea> bitmapArea;
  private final BadBlockLogRead badBlockLog;

  private MemberMetadata(
      BlockDevice device,
      SuperblockRead superblock,
      BitmapHeaders bitmap,
      BadBlockLogRead badBlockLog) {
    this.deviceName = device.name();
    this.deviceSectors = device.sizeBytes() / SectorRange.SECTOR_BYTES;
    this.superblock = superblock;
    this.bitmapKind = bitmap.kind();
    this.bitmapHeaders = bitmap.reads();
    this.bitmapArea = bitmap.area();
    this.badBlockLog = badBlockLog;
  }

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
      badBlocks = readBadBlocks(reader, examinable.get());
    }
    return new MemberMetadata(device, superblock, bitmap, badBlocks);
  }

  private static BadBlockLogRead readBadBlocks(AlignedReader reader, Superblock s)
      throws IOException {
    if (!s.has(Feature.BAD_BLOCKS)) {
      return new BadBlockLogRead.Absent();
    }
    long start = s.superOffset() + s.bblogOffset();
    long end = start + s.bblogSize();
    if (s.bblogSize() == 0
        || s.bblogSize() > SuperblockRules.MAX_BBLOG_SECTORS
        || start <= s.superOffset()
        || end > reader.deviceSectors()) {
      return new BadBlockLogRead.Corrupt(
          "bblog_offset, bblog_size",
          "1 to 8 sectors behind the superblock",
          "%s, %s".formatted(s.bblogOffset(), s.bblogSize()));
    }
    ByteBuffer log =
        reader.read(start * SectorRange.SECTOR_BYTES, s.bblogSize() * SectorRange.SECTOR_BYTES);
    return BadBlockLog.decode(log, s.bblogShift(), reader.deviceSectors());
  }

  /** Name of the device this was read from. */
  public String deviceName() {
    return deviceName;
  }

  /** Size of that device. */
  public long deviceSectors() {
    return deviceSectors;
  }

  /** What was found at sector 8, or instead of it. */
  public SuperblockRead superblock() {
    return superblock;
  }

  /** What kind of bitmap superblock and bitmap header speak of. */
  public BitmapKind bitmapKind() {
    return bitmapKind;
  }

  /**
   * What was found at each slot, by number. If slot 0 cannot be believed there is no telling where
   * the others are, and it stands alone; empty without bitmap.
   */
  public ImmutableList<BitmapHeaderRead> bitmapHeaders() {
    return bitmapHeaders;
  }

  /** Where the slots are; empty without bitmap and if slot 0 cannot be believed. */
  public Optional<BitmapArea> bitmapArea() {
    return bitmapArea;
  }

  /** The bad-block log. */
  public BadBlockLogRead badBlockLog() {
    return badBlockLog;
  }

  /**
   * Where a bad-block log may be written: empty on clustered arrays, and if the superblock's idea
   * of it is not between superblock and data, or inside the bitmap.
   */
  public Optional<SectorRange> badBlockArea() {
    if (!(superblock instanceof SuperblockRead.Valid(Superblock s))
        || bitmapKind == BitmapKind.CLUSTERED
        || s.has(Feature.CLUSTERED)
        || s.bblogSize() == 0
        || s.bblogSize() > SuperblockRules.MAX_BBLOG_SECTORS
        || s.bblogOffset() < SuperblockCodec.BLOCK_BYTES / SectorRange.SECTOR_BYTES) {
      return Optional.empty();
    }
    SectorRange area = SectorRange.ofLength(s.superOffset() + s.bblogOffset(), s.bblogSize());
    boolean free =
        area.end() <= s.dataOffset()
            && (bitmapKind == BitmapKind.NONE
                || (bitmapArea.isPresent() && !bitmapArea.get().range().overlaps(area)));
    return free ? Optional.of(area) : Optional.empty();
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
