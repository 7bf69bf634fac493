package io.mirrorctl.core.format;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import io.mirrorctl.core.block.SectorRange;
import java.util.ArrayList;
import java.util.List;

/** What stands against assembling an array by a superblock whose bytes are whole. */
final class SuperblockRules {
  /** The largest bad-block log Linux reads: one page. */
  static final int MAX_BBLOG_SECTORS = 8;

  /** Sectors kept for the superblock; nothing else may begin there. */
  static final int BLOCK_SECTORS = SuperblockCodec.BLOCK_BYTES / SectorRange.SECTOR_BYTES;

  private static final long MIN_DATA_SECTORS = 10;

  private final Superblock s;
  private final long deviceSectors;
  private final List<String> objections = new ArrayList<>();

  private SuperblockRules(Superblock superblock, long deviceSectors) {
    this.s = superblock;
    this.deviceSectors = deviceSectors;
  }

  static ImmutableList<String> objections(Superblock superblock, long deviceSectors) {
    checkArgument(deviceSectors >= 0, "a device of %s sectors", deviceSectors);
    var rules = new SuperblockRules(superblock, deviceSectors);
    rules.checkKind();
    rules.checkPlaces();
    rules.checkState();
    return ImmutableList.copyOf(rules.objections);
  }

  private void checkKind() {
    int unknown = s.featureMap() & ~Feature.KNOWN;
    require(unknown == 0, "feature bits 0x%x are unknown", unknown);
    require(
        s.superOffset() == Superblock.SUPER_OFFSET,
        "metadata version 1.%s; only version 1.2 is supported",
        s.superOffset() == 0 ? "1" : "0");
    require(s.level() == 1, "level %s is not RAID1", s.level());
    require(s.layout() == 0, "layout %s is not that of RAID1", s.layout());
    require(
        s.chunksize() == 0 || Integer.bitCount(s.chunksize()) == 1,
        "chunksize %s is not a power of two",
        Integer.toUnsignedString(s.chunksize()));
    require(
        !s.has(Feature.RESHAPE_ACTIVE)
            && !s.has(Feature.RESHAPE_BACKWARDS)
            && !s.has(Feature.NEW_OFFSET),
        "a reshape is under way; let Linux finish it");
    require(!s.has(Feature.JOURNAL), "the array has a write journal");
    require(
        !s.has(Feature.PPL) && !s.has(Feature.MULTIPLE_PPLS), "the array has a partial parity log");
    require(!s.has(Feature.RAID0_LAYOUT), "feature RAID0_LAYOUT on an array that is not RAID 0");
    require(
        !s.has(Feature.CLUSTERED) || s.has(Feature.BITMAP_OFFSET),
        "a clustered array without a bitmap");
  }

  private void checkPlaces() {
    long size = s.size();
    long dataOffset = s.dataOffset();
    long dataSize = s.dataSize();
    require(size > 0, "size %s", Long.toUnsignedString(size));
    require(
        dataSize >= MIN_DATA_SECTORS,
        "data_size %s is less than %s sectors",
        Long.toUnsignedString(dataSize),
        MIN_DATA_SECTORS);
    require(
        Long.compareUnsigned(size, dataSize) <= 0,
        "size %s is more than data_size %s",
        Long.toUnsignedString(size),
        Long.toUnsignedString(dataSize));
    boolean inside =
        dataOffset >= 0
            && dataOffset <= deviceSectors
            && dataSize >= 0
            && dataSize <= deviceSectors - dataOffset;
    require(
        inside,
        "data_offset %s + data_size %s reach past the device's %s sectors: the device was"
            + " truncated, or this is not the disk it was",
        Long.toUnsignedString(dataOffset),
        Long.toUnsignedString(dataSize),
        deviceSectors);
    if (!inside || s.superOffset() != Superblock.SUPER_OFFSET) {
      return;
    }
    require(
        dataOffset >= s.superOffset() + SuperblockCodec.sectors(s),
        "data_offset %s lies inside the superblock",
        dataOffset);
    if (s.has(Feature.BITMAP_OFFSET)) {
      require(
          s.bitmapOffset() >= BLOCK_SECTORS
              && s.bitmapOffset() % BLOCK_SECTORS == 0
              && s.superOffset() + s.bitmapOffset() + BLOCK_SECTORS <= dataOffset,
          "bitmap_offset %s: the bitmap must lie between superblock and data_offset %s, at a"
              + " multiple of 8 sectors",
          s.bitmapOffset(),
          dataOffset);
    }
    if (s.has(Feature.BAD_BLOCKS)) {
      checkBadBlockLog();
    }
  }

  private void checkBadBlockLog() {
    require(
        !s.has(Feature.CLUSTERED),
        "bad blocks were recorded on a clustered array, where other nodes cannot see them");
    require(
        s.bblogSize() > 0 && s.bblogSize() <= MAX_BBLOG_SECTORS,
        "bblog_size %s is not in 1..%s sectors",
        s.bblogSize(),
        MAX_BBLOG_SECTORS);
    require(
        s.bblogOffset() >= BLOCK_SECTORS
            && s.superOffset() + s.bblogOffset() + s.bblogSize() <= s.dataOffset(),
        "bblog_offset %s: the bad-block log must lie between superblock and data_offset %s",
        s.bblogOffset(),
        s.dataOffset());
  }

  private void checkState() {
    int raidDisks = s.raidDisks();
    require(
        raidDisks > 0 && raidDisks <= Superblock.MAX_DEV,
        "raid_disks %s is not in 1..%s",
        Integer.toUnsignedString(raidDisks),
        Superblock.MAX_DEV);
    for (int i = 0; i < s.devRoles().length(); i++) {
      int role = s.devRoles().get(i);
      if (role >= raidDisks && role < Superblock.ROLE_JOURNAL) {
        objections.add("dev_roles[%s] is %s of %s roles".formatted(i, role, raidDisks));
        break;
      }
    }
    require(s.role() != Superblock.ROLE_JOURNAL, "the device is a write journal");
    require(s.events() >= 0, "events %s", Long.toUnsignedString(s.events()));
    require(
        isPosition(s.resyncOffset()),
        "resync_offset %s lies behind size %s",
        Long.toUnsignedString(s.resyncOffset()),
        Long.toUnsignedString(s.size()));
    require(
        !s.has(Feature.RECOVERY_OFFSET) || isPosition(s.recoveryOffset()),
        "recovery_offset %s lies behind size %s",
        Long.toUnsignedString(s.recoveryOffset()),
        Long.toUnsignedString(s.size()));
  }

  private boolean isPosition(long sector) {
    return sector == Superblock.MAX_SECTOR || Long.compareUnsigned(sector, s.size()) <= 0;
  }

  @FormatMethod
  private void require(boolean holds, @FormatString String objection, Object... args) {
    if (!holds) {
      objections.add(objection.formatted(args));
    }
  }
}
