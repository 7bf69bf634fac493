package io.mirrorctl.core.format;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.ImmutableIntArray;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;

/**
 * The superblock of one member, metadata version 1.2: what every member says about the array, and
 * what it says about itself.
 *
 * <p>Names are those of md_p.h in camel case, units are sectors of 512 bytes. Numbers that are
 * unsigned on disk are kept bit for bit in an int or long of the same width, so that whatever was
 * read is written back unchanged; only what {@link SuperblockCodec#decode} calls valid is known to
 * be in range.
 *
 * @param featureMap bits of {@link Feature}
 * @param setUuid the array
 * @param setName name of the array, often {@code homehost:name}; at most 32 bytes of UTF-8
 * @param ctime creation time, raw: 40 bits of seconds since 1970, above them 24 bits of
 *     microseconds
 * @param level RAID level; 1 for a mirror
 * @param layout 0 for RAID1
 * @param size sectors used on each member; the array's size for RAID1
 * @param chunksize RAID chunk in sectors; 0 for RAID1
 * @param raidDisks number of roles
 * @param bitmapOffset sectors from the superblock to the bitmap, signed; only with {@link
 *     Feature#BITMAP_OFFSET}
 * @param newLevel reshape only
 * @param reshapePosition reshape only, array sectors
 * @param deltaDisks reshape only
 * @param newLayout reshape only
 * @param newChunk reshape only, sectors
 * @param newOffset reshape only, sectors, signed
 * @param dataOffset first data sector of this device
 * @param dataSize sectors for data on this device
 * @param superOffset sector of the superblock; 8 in version 1.2
 * @param recoveryOffset with {@link Feature#RECOVERY_OFFSET}: data sectors below it are rebuilt
 * @param devNumber index of this device in {@code devRoles}, for good; not its role
 * @param cntCorrectedRead read errors corrected so far
 * @param deviceUuid this device
 * @param devflags {@link #WRITE_MOSTLY} and {@link #FAILFAST}; one byte on disk
 * @param bblogShift unit of the bad-block log: sectors shifted left by it; one byte on disk
 * @param bblogSize sectors kept for the bad-block log; two bytes on disk
 * @param bblogOffset sectors from the superblock to the bad-block log, signed
 * @param utime time of the last update, as {@code ctime}
 * @param events counts the updates of the array
 * @param resyncOffset sectors below it are in sync; {@link #MAX_SECTOR} if all are
 * @param devRoles role of each device by its number, u16 each; its length is max_dev
 */
public record Superblock(
    int featureMap,
    UUID setUuid,
    String setName,
    long ctime,
    int level,
    int layout,
    long size,
    int chunksize,
    int raidDisks,
    int bitmapOffset,
    int newLevel,
    long reshapePosition,
    int deltaDisks,
    int newLayout,
    int newChunk,
    int newOffset,
    long dataOffset,
    long dataSize,
    long superOffset,
    long recoveryOffset,
    int devNumber,
    int cntCorrectedRead,
    UUID deviceUuid,
    int devflags,
    int bblogShift,
    int bblogSize,
    int bblogOffset,
    long utime,
    long events,
    long resyncOffset,
    ImmutableIntArray devRoles) {

  /** Value of {@code resyncOffset} and {@code recoveryOffset} that means the whole array. */
  public static final long MAX_SECTOR = -1L;

  /** Role of a spare, and of an entry that is not in use. */
  public static final int ROLE_SPARE = 0xFFFF;

  /** Role of a device that has failed. */
  public static final int ROLE_FAULTY = 0xFFFE;

  /** Role of a write journal. */
  public static final int ROLE_JOURNAL = 0xFFFD;

  /** The largest number of devices, dead ones included, that one superblock can list. */
  public static final int MAX_DEV = 1920;

  /** Flag of {@code devflags}: read from this device only when no other can be read. */
  public static final int WRITE_MOSTLY = 1;

  /** Flag of {@code devflags}: fail this device at once instead of trying again. */
  public static final int FAILFAST = 2;

  /** Sector of the superblock in version 1.2. */
  public static final long SUPER_OFFSET = 8;

  private static final int SET_NAME_BYTES = 32;
  private static final long SECONDS_MASK = (1L << 40) - 1;

  /**
   * Refuses what has no place on disk.
   *
   * @throws IllegalArgumentException if a value is wider than its field
   */
  public Superblock {
    checkArgument(
        FixedText.bytesOf(setName).length <= SET_NAME_BYTES,
        "array name \"%s\" is longer than %s bytes",
        setName,
        SET_NAME_BYTES);
    checkWidth("devflags", devflags, 0xFF);
    checkWidth("bblogShift", bblogShift, 0xFF);
    checkWidth("bblogSize", bblogSize, 0xFFFF);
    checkArgument(devRoles.length() <= MAX_DEV, "%s roles; at most %s", devRoles.length(), MAX_DEV);
    for (int i = 0; i < devRoles.length(); i++) {
      checkWidth("role", devRoles.get(i), 0xFFFF);
    }
  }

  private static void checkWidth(String field, int value, int max) {
    checkArgument(value >= 0 && value <= max, "%s %s is not in 0..%s", field, value, max);
  }

  /** Whether the feature's bit is set. */
  public boolean has(Feature feature) {
    return feature.isIn(featureMap);
  }

  /** The role of this device: its own entry in {@code devRoles}, a spare if it has none. */
  public int role() {
    return roleOf(devNumber);
  }

  /** The role of the device with that number; a spare if there is no such entry. */
  public int roleOf(int number) {
    return number >= 0 && number < devRoles.length() ? devRoles.get(number) : ROLE_SPARE;
  }

  /** Whether this device stands for one of the array's roles, in sync or being rebuilt. */
  public boolean isActive() {
    return role() < ROLE_JOURNAL;
  }

  public boolean isWriteMostly() {
    return (devflags & WRITE_MOSTLY) != 0;
  }

  public boolean isFailfast() {
    return (devflags & FAILFAST) != 0;
  }

  /** Whether the members were all equal, and nobody wrote, when this superblock was written. */
  public boolean isClean() {
    return resyncOffset == MAX_SECTOR;
  }

  /** When the array was created. */
  public Instant ctimeInstant() {
    return toInstant(ctime);
  }

  /** When this superblock was last updated. */
  public Instant utimeInstant() {
    return toInstant(utime);
  }

  private static Instant toInstant(long raw) {
    return Instant.ofEpochSecond(raw & SECONDS_MASK).plus(raw >>> 40, ChronoUnit.MICROS);
  }

  /** The raw form of a time, for {@code ctime} and {@code utime}. */
  public static long toRawTime(Instant instant) {
    return (instant.getEpochSecond() & SECONDS_MASK) | ((long) (instant.getNano() / 1000) << 40);
  }

  /** A builder that starts with this superblock's values. */
  public Builder toBuilder() {
    return new Builder(this);
  }

  /** A builder for a RAID1 superblock at sector 8; everything else is zero or empty. */
  public static Builder builder() {
    return new Builder();
  }

  /** Collects the fields of a {@link Superblock}; its setters are documented there. */
  public static final class Builder {
    private int featureMap;
    private UUID setUuid = new UUID(0, 0);
    private String setName = "";
    private long ctime;
    private int level = 1;
    private int layout;
    private long size;
    private int chunksize;
    private int raidDisks;
    private int bitmapOffset;
    private int newLevel;
    private long reshapePosition;
    private int deltaDisks;
    private int newLayout;
    private int newChunk;
    private int newOffset;
    private long dataOffset;
    private long dataSize;
    private long superOffset = SUPER_OFFSET;
    private long recoveryOffset;
    private int devNumber;
    private int cntCorrectedRead;
    private UUID deviceUuid = new UUID(0, 0);
    private int devflags;
    private int bblogShift;
    private int bblogSize;
    private int bblogOffset;
    private long utime;
    private long events;
    private long resyncOffset;
    private ImmutableIntArray devRoles = ImmutableIntArray.of();

    private Builder() {}

    private Builder(Superblock from) {
      featureMap = from.featureMap;
      setUuid = from.setUuid;
      setName = from.setName;
      ctime = from.ctime;
      level = from.level;
      layout = from.layout;
      size = from.size;
      chunksize = from.chunksize;
      raidDisks = from.raidDisks;
      bitmapOffset = from.bitmapOffset;
      newLevel = from.newLevel;
      reshapePosition = from.reshapePosition;
      deltaDisks = from.deltaDisks;
      newLayout = from.newLayout;
      newChunk = from.newChunk;
      newOffset = from.newOffset;
      dataOffset = from.dataOffset;
      dataSize = from.dataSize;
      superOffset = from.superOffset;
      recoveryOffset = from.recoveryOffset;
      devNumber = from.devNumber;
      cntCorrectedRead = from.cntCorrectedRead;
      deviceUuid = from.deviceUuid;
      devflags = from.devflags;
      bblogShift = from.bblogShift;
      bblogSize = from.bblogSize;
      bblogOffset = from.bblogOffset;
      utime = from.utime;
      events = from.events;
      resyncOffset = from.resyncOffset;
      devRoles = from.devRoles;
    }

    public Builder featureMap(int value) {
      featureMap = value;
      return this;
    }

    public Builder setUuid(UUID value) {
      setUuid = value;
      return this;
    }

    public Builder setName(String value) {
      setName = value;
      return this;
    }

    public Builder ctime(long value) {
      ctime = value;
      return this;
    }

    public Builder level(int value) {
      level = value;
      return this;
    }

    public Builder layout(int value) {
      layout = value;
      return this;
    }

    public Builder size(long value) {
      size = value;
      return this;
    }

    public Builder chunksize(int value) {
      chunksize = value;
      return this;
    }

    public Builder raidDisks(int value) {
      raidDisks = value;
      return this;
    }

    public Builder bitmapOffset(int value) {
      bitmapOffset = value;
      return this;
    }

    public Builder newLevel(int value) {
      newLevel = value;
      return this;
    }

    public Builder reshapePosition(long value) {
      reshapePosition = value;
      return this;
    }

    public Builder deltaDisks(int value) {
      deltaDisks = value;
      return this;
    }

    public Builder newLayout(int value) {
      newLayout = value;
      return this;
    }

    public Builder newChunk(int value) {
      newChunk = value;
      return this;
    }

    public Builder newOffset(int value) {
      newOffset = value;
      return this;
    }

    public Builder dataOffset(long value) {
      dataOffset = value;
      return this;
    }

    public Builder dataSize(long value) {
      dataSize = value;
      return this;
    }

    public Builder superOffset(long value) {
      superOffset = value;
      return this;
    }

    public Builder recoveryOffset(long value) {
      recoveryOffset = value;
      return this;
    }

    public Builder devNumber(int value) {
      devNumber = value;
      return this;
    }

    public Builder cntCorrectedRead(int value) {
      cntCorrectedRead = value;
      return this;
    }

    public Builder deviceUuid(UUID value) {
      deviceUuid = value;
      return this;
    }

    public Builder devflags(int value) {
      devflags = value;
      return this;
    }

    public Builder bblogShift(int value) {
      bblogShift = value;
      return this;
    }

    public Builder bblogSize(int value) {
      bblogSize = value;
      return this;
    }

    public Builder bblogOffset(int value) {
      bblogOffset = value;
      return this;
    }

    public Builder utime(long value) {
      utime = value;
      return this;
    }

    public Builder events(long value) {
      events = value;
      return this;
    }

    public Builder resyncOffset(long value) {
      resyncOffset = value;
      return this;
    }

    public Builder devRoles(ImmutableIntArray value) {
      devRoles = value;
      return this;
    }

    /** Sets the feature's bit. */
    public Builder with(Feature feature) {
      featureMap |= feature.mask();
      return this;
    }

    /** Clears the feature's bit. */
    public Builder without(Feature feature) {
      featureMap &= ~feature.mask();
      return this;
    }

    public Superblock build() {
      return new Superblock(
          featureMap,
          setUuid,
          setName,
          ctime,
          level,
          layout,
          size,
          chunksize,
          raidDisks,
          bitmapOffset,
          newLevel,
          reshapePosition,
          deltaDisks,
          newLayout,
          newChunk,
          newOffset,
          dataOffset,
          dataSize,
          superOffset,
          recoveryOffset,
          devNumber,
          cntCorrectedRead,
          deviceUuid,
          devflags,
          bblogShift,
          bblogSize,
          bblogOffset,
          utime,
          events,
          resyncOffset,
          devRoles);
    }
  }
}
