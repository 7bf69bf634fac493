package io.mirrorctl.core.format;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.UUID;

/**
 * The header of one slot of a write-intent bitmap.
 *
 * <p>As in {@link Superblock}, numbers that are unsigned on disk are kept bit for bit; only what
 * {@link BitmapHeaderCodec#decode} calls valid is known to be in range.
 *
 * @param version {@link #VERSION_INTERNAL} or {@link #VERSION_CLUSTERED}
 * @param uuid that of the array
 * @param events the array's events when this slot's owner last updated it
 * @param eventsCleared the array's events when bits were last allowed to be cleared
 * @param syncSize sectors of the array the bitmap covers
 * @param state {@link #STATE_STALE} and {@link #STATE_WRITE_ERROR}
 * @param chunksize bytes one bit stands for; 32 bits on disk
 * @param daemonSleep seconds between two looks for bits to clear
 * @param writeBehind most writes outstanding to a write-mostly device; 0 for none
 * @param sectorsReserved room for this bitmap; 0 if not known
 * @param nodes number of slots; 0 unless clustered
 * @param clusterName at most 63 bytes of UTF-8; empty unless clustered
 */
public record BitmapHeader(
    int version,
    UUID uuid,
    long events,
    long eventsCleared,
    long syncSize,
    int state,
    long chunksize,
    int daemonSleep,
    int writeBehind,
    int sectorsReserved,
    int nodes,
    String clusterName) {

  /** One bitmap, its numbers little-endian. */
  public static final int VERSION_INTERNAL = 4;

  /** One bitmap for each node. */
  public static final int VERSION_CLUSTERED = 5;

  /** State bit: the bitmap missed updates and must not be used. */
  public static final int STATE_STALE = 0x2;

  /** State bit: the bitmap could not be written. */
  public static final int STATE_WRITE_ERROR = 0x4;

  private static final int CLUSTER_NAME_BYTES = 64;

  /**
   * Refuses what has no place on disk.
   *
   * @throws IllegalArgumentException if a value is wider than its field
   */
  public BitmapHeader {
    checkArgument(
        chunksize >= 0 && chunksize <= 0xFFFF_FFFFL, "chunksize %s exceeds 32 bits", chunksize);
    checkArgument(
        FixedText.bytesOf(clusterName).length <= CLUSTER_NAME_BYTES,
        "cluster name \"%s\" is longer than %s bytes",
        clusterName,
        CLUSTER_NAME_BYTES);
  }

  /** Whether the bits cannot be believed, by the header's own word. */
  public boolean isStale() {
    return (state & (STATE_STALE | STATE_WRITE_ERROR)) != 0;
  }

  /** The number of slots on disk: {@code nodes} if clustered, else 1. */
  public int slots() {
    return version == VERSION_CLUSTERED ? nodes : 1;
  }

  /**
   * How the bitmap divides the array.
   *
   * @throws IllegalArgumentException if the header is not valid
   */
  public BitmapGeometry geometry() {
    return new BitmapGeometry(syncSize, chunksize);
  }

  /** A builder that starts with this header's values. */
  public Builder toBuilder() {
    return new Builder(this);
  }

  /** A builder for an internal bitmap with a daemon sleep of 5 s. */
  public static Builder builder() {
    return new Builder();
  }

  /** Collects the fields of a {@link BitmapHeader}; its setters are documented there. */
  public static final class Builder {
    private int version = VERSION_INTERNAL;
    private UUID uuid = new UUID(0, 0);
    private long events;
    private long eventsCleared;
    private long syncSize;
    private int state;
    private long chunksize;
    private int daemonSleep = 5;
    private int writeBehind;
    private int sectorsReserved;
    private int nodes;
    private String clusterName = "";

    private Builder() {}

    private Builder(BitmapHeader from) {
      version = from.version;
      uuid = from.uuid;
      events = from.events;
      eventsCleared = from.eventsCleared;
      syncSize = from.syncSize;
      state = from.state;
      chunksize = from.chunksize;
      daemonSleep = from.daemonSleep;
      writeBehind = from.writeBehind;
      sectorsReserved = from.sectorsReserved;
      nodes = from.nodes;
      clusterName = from.clusterName;
    }

    public Builder version(int value) {
      version = value;
      return this;
    }

    public Builder uuid(UUID value) {
      uuid = value;
      return this;
    }

    public Builder events(long value) {
      events = value;
      return this;
    }

    public Builder eventsCleared(long value) {
      eventsCleared = value;
      return this;
    }

    public Builder syncSize(long value) {
      syncSize = value;
      return this;
    }

    public Builder state(int value) {
      state = value;
      return this;
    }

    public Builder chunksize(long value) {
      chunksize = value;
      return this;
    }

    public Builder daemonSleep(int value) {
      daemonSleep = value;
      return this;
    }

    public Builder writeBehind(int value) {
      writeBehind = value;
      return this;
    }

    public Builder sectorsReserved(int value) {
      sectorsReserved = value;
      return this;
    }

    public Builder nodes(int value) {
      nodes = value;
      return this;
    }

    public Builder clusterName(String value) {
      clusterName = value;
      return this;
    }

    public BitmapHeader build() {
      return new BitmapHeader(
          version,
          uuid,
          events,
          eventsCleared,
          syncSize,
          state,
          chunksize,
          daemonSleep,
          writeBehind,
          sectorsReserved,
          nodes,
          clusterName);
    }
  }
}
