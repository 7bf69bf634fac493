package io.mirrorctl.dlm.message;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.MdUuid;
import io.mirrorctl.dlm.message.ClusterMessage.Abort;
import io.mirrorctl.dlm.message.ClusterMessage.BitmapNeedsSync;
import io.mirrorctl.dlm.message.ClusterMessage.BitmapResize;
import io.mirrorctl.dlm.message.ClusterMessage.Change;
import io.mirrorctl.dlm.message.ClusterMessage.ChangeCapacity;
import io.mirrorctl.dlm.message.ClusterMessage.DiskName;
import io.mirrorctl.dlm.message.ClusterMessage.Hold;
import io.mirrorctl.dlm.message.ClusterMessage.MetadataUpdated;
import io.mirrorctl.dlm.message.ClusterMessage.NewDisk;
import io.mirrorctl.dlm.message.ClusterMessage.Probe;
import io.mirrorctl.dlm.message.ClusterMessage.Remove;
import io.mirrorctl.dlm.message.ClusterMessage.Resume;
import io.mirrorctl.dlm.message.ClusterMessage.ResyncFinished;
import io.mirrorctl.dlm.message.ClusterMessage.ResyncStart;
import io.mirrorctl.dlm.message.ClusterMessage.Resyncing;
import io.mirrorctl.dlm.message.ClusterMessage.Rewrite;
import io.mirrorctl.dlm.store.Bytes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Messages as the 64 bytes of a value block; the tables stand in docs/formats/messages.md.
 *
 * <p>The first eight bytes mean the same in every version, so that a message can be answered by who
 * does not understand it.
 */
public final class MessageCodec {
  /** Bytes of a message. */
  public static final int BYTES = 64;

  static final int VERSION = 1;

  static final int AT_VERSION = 0;
  static final int AT_KIND = 1;
  static final int AT_SENDER = 2;
  static final int AT_SEQUENCE = 4;

  /** Kinds from here on are facts. */
  static final int FACTS = 0x80;

  static final int NEW_DISK = 0x01;
  static final int REMOVE = 0x02;
  static final int BITMAP_RESIZE = 0x04;
  static final int RESYNC_START = 0x05;
  static final int PROBE = 0x06;
  static final int DISK_NAME = 0x07;
  static final int HOLD = 0x81;
  static final int METADATA_UPDATED = 0x82;
  static final int RESUME = 0x83;
  static final int ABORT = 0x84;
  static final int RESYNCING = 0x85;
  static final int RESYNC_FINISHED = 0x86;
  static final int BITMAP_NEEDS_SYNC = 0x87;
  static final int CHANGE_CAPACITY = 0x88;
  static final int REWRITE = 0x89;

  private static final List<Change> CHANGES =
      List.of(Change.FAILED, Change.OTHER, Change.REGROUPED);

  private static final int AT_RANGES = 8;
  private static final int RANGE_BYTES = 12;
  private static final int AT_MASK = 32;
  private static final int AT_TEXT = 16;

  private MessageCodec() {}

  /** The 64 bytes of a message. */
  public static Bytes encode(Envelope envelope) {
    ByteBuffer b = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    b.put(AT_VERSION, (byte) VERSION);
    b.put(AT_KIND, (byte) kind(envelope.message()));
    b.putShort(AT_SENDER, (short) envelope.sender());
    b.putInt(AT_SEQUENCE, envelope.sequence());
    put(b, envelope.message());
    return Bytes.of(b);
  }

  /** Reads a message; bytes of any content and number end in one of the three answers. */
  public static MessageRead decode(Bytes bytes) {
    if (bytes.size() != BYTES) {
      return new MessageRead.Unreadable(
          0, 0, true, "message of %d bytes, not 64".formatted(bytes.size()));
    }
    ByteBuffer b = bytes.buffer().order(ByteOrder.LITTLE_ENDIAN);
    if (bytes.equals(Bytes.of(new byte[BYTES]))) {
      return new MessageRead.None();
    }
    int version = Byte.toUnsignedInt(b.get(AT_VERSION));
    int kind = Byte.toUnsignedInt(b.get(AT_KIND));
    int sender = Short.toUnsignedInt(b.getShort(AT_SENDER));
    int sequence = b.getInt(AT_SEQUENCE);
    String reason;
    if (version == VERSION) {
      try {
        var envelope = new Envelope(sender, sequence, message(b, kind));
        int wrong = encode(envelope).buffer().mismatch(bytes.buffer());
        if (wrong < 0) {
          return new MessageRead.Valid(envelope);
        }
        reason = "kind 0x%02x: byte %d should be 0".formatted(kind, wrong);
      } catch (IllegalArgumentException e) {
        reason = e.getMessage();
      }
    } else {
      reason = "message version %d, not %d".formatted(version, VERSION);
    }
    return new MessageRead.Unreadable(sender, sequence, kind >= FACTS, reason);
  }

  private static int kind(ClusterMessage message) {
    return switch (message) {
      case NewDisk _ -> NEW_DISK;
      case Remove _ -> REMOVE;
      case BitmapResize _ -> BITMAP_RESIZE;
      case ResyncStart _ -> RESYNC_START;
      case Probe _ -> PROBE;
      case DiskName _ -> DISK_NAME;
      case Hold _ -> HOLD;
      case MetadataUpdated _ -> METADATA_UPDATED;
      case Resume _ -> RESUME;
      case Abort _ -> ABORT;
      case Resyncing _ -> RESYNCING;
      case ResyncFinished _ -> RESYNC_FINISHED;
      case BitmapNeedsSync _ -> BITMAP_NEEDS_SYNC;
      case ChangeCapacity _ -> CHANGE_CAPACITY;
      case Rewrite _ -> REWRITE;
    };
  }

  private static void put(ByteBuffer b, ClusterMessage message) {
    switch (message) {
      case NewDisk(var device, int number) ->
          b.putShort(8, (short) number).put(16, MdUuid.toBytes(device));
      case Remove(int number) -> b.putShort(8, (short) number);
      case BitmapResize(long sectors, long chunkSectors) ->
          b.putLong(8, sectors).putInt(16, (int) chunkSectors);
      case ResyncStart() -> {}
      case Probe(int number) -> b.putShort(8, (short) number);
      case DiskName(int part, int parts, var text) ->
          b.putShort(8, (short) part).putShort(10, (short) parts).put(AT_TEXT, text.toArray());
      case Hold(var change, long events, var failing) -> {
        b.put(8, (byte) (CHANGES.indexOf(change) + 1)).putLong(16, events);
        putBits(b, AT_MASK, failing);
      }
      case MetadataUpdated(long events, int source) ->
          b.putShort(8, (short) source).putLong(16, events);
      case Resume(long events) -> b.putLong(16, events);
      case Abort(int sequence) -> b.putInt(8, sequence);
      case Resyncing(var windows) -> putWindows(b, windows);
      case ResyncFinished() -> {}
      case BitmapNeedsSync(int slot) -> b.putShort(8, (short) slot);
      case ChangeCapacity(long sectors) -> b.putLong(8, sectors);
      case Rewrite(int slot) -> b.putShort(8, (short) slot);
    }
  }

  /** Throws what the message's own constructor throws at values that cannot be. */
  private static ClusterMessage message(ByteBuffer b, int kind) {
    return switch (kind) {
      case NEW_DISK -> {
        byte[] device = new byte[16];
        b.get(16, device);
        yield new NewDisk(MdUuid.fromBytes(device), number(b));
      }
      case REMOVE -> new Remove(number(b));
      case BITMAP_RESIZE -> new BitmapResize(b.getLong(8), Integer.toUnsignedLong(b.getInt(16)));
      case RESYNC_START -> new ResyncStart();
      case PROBE -> new Probe(number(b));
      case DISK_NAME -> new DiskName(number(b), Short.toUnsignedInt(b.getShort(10)), text(b));
      case HOLD -> {
        int change = Byte.toUnsignedInt(b.get(8));
        checkArgument(change >= 1 && change <= CHANGES.size(), "hold: unknown change %s", change);
        yield new Hold(CHANGES.get(change - 1), b.getLong(16), bits(b, AT_MASK));
      }
      case METADATA_UPDATED -> new MetadataUpdated(b.getLong(16), number(b));
      case RESUME -> new Resume(b.getLong(16));
      case ABORT -> new Abort(b.getInt(8));
      case RESYNCING -> new Resyncing(windows(b));
      case RESYNC_FINISHED -> new ResyncFinished();
      case BITMAP_NEEDS_SYNC -> new BitmapNeedsSync(number(b));
      case CHANGE_CAPACITY -> new ChangeCapacity(b.getLong(8));
      case REWRITE -> new Rewrite(number(b));
      default -> throw new IllegalArgumentException("unknown message kind 0x%02x".formatted(kind));
    };
  }

  /** Up to the first zero. */
  private static Bytes text(ByteBuffer b) {
    int end = AT_TEXT;
    while (end < BYTES && b.get(end) != 0) {
      end++;
    }
    return Bytes.of(b.slice(AT_TEXT, end - AT_TEXT));
  }

  private static int number(ByteBuffer b) {
    return Short.toUnsignedInt(b.getShort(8));
  }

  private static void putWindows(ByteBuffer b, ResyncWindows windows) {
    int at = AT_RANGES;
    for (SectorRange range : windows.ranges()) {
      b.putLong(at, range.start()).putInt(at + Long.BYTES, (int) range.length());
      at += RANGE_BYTES;
    }
    putBits(b, AT_MASK, windows.mask());
  }

  private static ResyncWindows windows(ByteBuffer b) {
    var ranges = new ArrayList<SectorRange>();
    for (int i = 0; i < ResyncWindows.MAX_RANGES; i++) {
      int at = AT_RANGES + i * RANGE_BYTES;
      long start = b.getLong(at);
      long length = Integer.toUnsignedLong(b.getInt(at + Long.BYTES));
      checkArgument(
          start >= 0 && start <= Long.MAX_VALUE - length, "window starts at sector %s", start);
      if (i == 0 || length != 0) {
        ranges.add(SectorRange.ofLength(start, length));
      }
    }
    return new ResyncWindows(ranges, bits(b, AT_MASK));
  }

  static void putBits(ByteBuffer b, int at, Bits256 bits) {
    for (int i = 0; i < 4; i++) {
      b.putLong(at + i * Long.BYTES, bits.word(i));
    }
  }

  static Bits256 bits(ByteBuffer b, int at) {
    return new Bits256(b.getLong(at), b.getLong(at + 8), b.getLong(at + 16), b.getLong(at + 24));
  }
}
