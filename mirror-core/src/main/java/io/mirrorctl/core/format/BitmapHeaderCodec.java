package io.mirrorctl.core.format;

import io.mirrorctl.core.block.SectorRange;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * The 256 bytes at the start of each bitmap slot, {@code struct bitmap_super_s} of Linux's
 * md-bitmap.h; all integers little-endian.
 */
public final class BitmapHeaderCodec {
  /** Bytes of a header. */
  public static final int BYTES = BitmapGeometry.HEADER_BYTES;

  /** The most slots a clustered bitmap may have here. */
  public static final int MAX_NODES = 256;

  static final int MAGIC = 0x6D746962;

  static final int AT_MAGIC = 0;
  static final int AT_VERSION = 4;
  static final int AT_UUID = 8;
  static final int AT_EVENTS = 24;
  static final int AT_EVENTS_CLEARED = 32;
  static final int AT_SYNC_SIZE = 40;
  static final int AT_STATE = 48;
  static final int AT_CHUNKSIZE = 52;
  static final int AT_DAEMON_SLEEP = 56;
  static final int AT_WRITE_BEHIND = 60;
  static final int AT_SECTORS_RESERVED = 64;
  static final int AT_NODES = 68;
  static final int AT_CLUSTER_NAME = 72;
  static final int CLUSTER_NAME_BYTES = 64;
  static final int AT_PAD = 136;

  private static final int MAX_WRITE_BEHIND = 16383;

  private BitmapHeaderCodec() {}

  /**
   * Reads a header.
   *
   * @param bytes at least {@link #BYTES} from the start of the slot, unless the device ends before;
   *     neither position nor limit is changed
   */
  public static BitmapHeaderRead decode(ByteBuffer bytes) {
    ByteBuffer b = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
    if (b.remaining() < BYTES) {
      return corrupt("length", BYTES + " bytes", b.remaining() + ", then the device ends");
    }
    if (isZero(b, 0, BYTES)) {
      return new BitmapHeaderRead.Absent();
    }
    if (b.getInt(AT_MAGIC) != MAGIC) {
      return corrupt("magic", "%08x".formatted(MAGIC), "%08x".formatted(b.getInt(AT_MAGIC)));
    }
    BitmapHeader header = parse(b);
    int version = header.version();
    if (version == 3 || version == 6) {
      return new BitmapHeaderRead.Unsupported(
          header,
          version == 3
              ? "bitmap version 3 has its bits in the byte order of the host that wrote it"
              : "bitmap version 6 is lockless, another format");
    }
    if (version != BitmapHeader.VERSION_INTERNAL && version != BitmapHeader.VERSION_CLUSTERED) {
      return corrupt("version", "4 or 5", Integer.toUnsignedString(version));
    }
    return checked(b, header);
  }

  private static BitmapHeaderRead checked(ByteBuffer b, BitmapHeader h) {
    if (h.chunksize() < SectorRange.SECTOR_BYTES || Long.bitCount(h.chunksize()) != 1) {
      return corrupt("chunksize", "a power of two, at least 512", Long.toString(h.chunksize()));
    }
    if (h.syncSize() <= 0) {
      return corrupt("sync_size", "at least 1", Long.toUnsignedString(h.syncSize()));
    }
    if (h.daemonSleep() < 1) {
      return corrupt("daemon_sleep", "at least 1", Integer.toUnsignedString(h.daemonSleep()));
    }
    if (h.writeBehind() < 0 || h.writeBehind() > MAX_WRITE_BEHIND) {
      return corrupt(
          "write_behind", "0.." + MAX_WRITE_BEHIND, Integer.toUnsignedString(h.writeBehind()));
    }
    if (h.events() < 0) {
      return corrupt("events", "less than 2^63", Long.toUnsignedString(h.events()));
    }
    if (h.eventsCleared() < 0) {
      return corrupt("events_cleared", "less than 2^63", Long.toUnsignedString(h.eventsCleared()));
    }
    if (h.version() == BitmapHeader.VERSION_CLUSTERED && h.nodes() < 2) {
      return corrupt("nodes", "at least 2 in version 5", Integer.toUnsignedString(h.nodes()));
    }
    if (h.version() == BitmapHeader.VERSION_INTERNAL && h.nodes() != 0) {
      return corrupt("nodes", "0 in version 4", Integer.toUnsignedString(h.nodes()));
    }
    return unsupported(b, h)
        .<BitmapHeaderRead>map(reason -> new BitmapHeaderRead.Unsupported(h, reason))
        .orElseGet(() -> new BitmapHeaderRead.Valid(h));
  }

  private static Optional<String> unsupported(ByteBuffer b, BitmapHeader h) {
    if (h.nodes() > MAX_NODES) {
      return Optional.of(
          "%s nodes are not supported, at most %s are".formatted(h.nodes(), MAX_NODES));
    }
    if ((h.state() & ~(BitmapHeader.STATE_STALE | BitmapHeader.STATE_WRITE_ERROR)) != 0) {
      return Optional.of("state 0x%x has bits that are unknown".formatted(h.state()));
    }
    if (!isZero(b, AT_PAD, BYTES)) {
      return Optional.of("its padding is not zero: written by something newer than this program");
    }
    BitmapGeometry geometry = h.geometry();
    return geometry.isSupported() ? Optional.empty() : Optional.of(geometry.tooManyChunks());
  }

  private static BitmapHeaderRead corrupt(String field, String expected, String found) {
    return new BitmapHeaderRead.Corrupt(field, expected, found);
  }

  private static boolean isZero(ByteBuffer b, int from, int to) {
    for (int i = from; i < to; i += Long.BYTES) {
      if (b.getLong(i) != 0) {
        return false;
      }
    }
    return true;
  }

  private static BitmapHeader parse(ByteBuffer b) {
    return new BitmapHeader(
        b.getInt(AT_VERSION),
        MdUuid.at(b, AT_UUID),
        b.getLong(AT_EVENTS),
        b.getLong(AT_EVENTS_CLEARED),
        b.getLong(AT_SYNC_SIZE),
        b.getInt(AT_STATE),
        Integer.toUnsignedLong(b.getInt(AT_CHUNKSIZE)),
        b.getInt(AT_DAEMON_SLEEP),
        b.getInt(AT_WRITE_BEHIND),
        b.getInt(AT_SECTORS_RESERVED),
        b.getInt(AT_NODES),
        FixedText.get(b, AT_CLUSTER_NAME, CLUSTER_NAME_BYTES));
  }

  /** The {@link #BYTES} of a header, position at their start, little-endian. */
  public static ByteBuffer encode(BitmapHeader header) {
    ByteBuffer b = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    encodeInto(b, header);
    return b;
  }

  /**
   * Writes the {@link #BYTES} of a header over the start of a page, at the buffer's position, which
   * does not move.
   */
  public static void encodeInto(ByteBuffer page, BitmapHeader h) {
    ByteBuffer b = page.slice().order(ByteOrder.LITTLE_ENDIAN);
    b.putInt(AT_MAGIC, MAGIC);
    b.putInt(AT_VERSION, h.version());
    MdUuid.put(b, AT_UUID, h.uuid());
    b.putLong(AT_EVENTS, h.events());
    b.putLong(AT_EVENTS_CLEARED, h.eventsCleared());
    b.putLong(AT_SYNC_SIZE, h.syncSize());
    b.putInt(AT_STATE, h.state());
    b.putInt(AT_CHUNKSIZE, (int) h.chunksize());
    b.putInt(AT_DAEMON_SLEEP, h.daemonSleep());
    b.putInt(AT_WRITE_BEHIND, h.writeBehind());
    b.putInt(AT_SECTORS_RESERVED, h.sectorsReserved());
    b.putInt(AT_NODES, h.nodes());
    FixedText.put(b, AT_CLUSTER_NAME, CLUSTER_NAME_BYTES, h.clusterName());
    for (int i = AT_PAD; i < BYTES; i++) {
      b.put(i, (byte) 0);
    }
  }
}
