package io.mirrorctl.core.format;

import io.mirrorctl.core.format.ClaimBlock.State;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/**
 * A claim block as bytes: docs/formats/claim.md. All that is told lies in the first 512 bytes,
 * which every disk writes whole or not at all.
 */
public final class ClaimCodec {
  /** What is told; the rest of the block is zero. */
  public static final int BYTES = 512;

  private static final byte[] MAGIC = "mirrorctl claim\n".getBytes(StandardCharsets.US_ASCII);
  private static final int VERSION = 1;

  static final int AT_VERSION = 16;
  static final int AT_CHECKSUM = 20;
  static final int AT_ARRAY = 24;
  static final int AT_ENSEMBLE = 40;
  static final int AT_INCARNATION = 56;
  static final int AT_EPOCH = 64;
  static final int AT_COUNTER = 72;
  static final int AT_WRITTEN = 80;
  static final int AT_SLOT = 88;
  static final int AT_STATE = 92;
  static final int AT_INTERVAL = 96;
  static final int AT_CLUSTER = 104;
  static final int CLUSTER_BYTES = 64;
  static final int AT_NODE = 168;
  static final int NODE_BYTES = 128;

  private static final int HELD = 1;
  private static final int RELEASED = 2;

  private ClaimCodec() {}

  /**
   * Reads a block.
   *
   * @param bytes at least {@link #BYTES}, from its start; neither position nor limit is changed
   * @param slot whose block belongs there
   */
  static ClaimRead decode(ByteBuffer bytes, int slot) {
    if (bytes.remaining() < BYTES) {
      return new ClaimRead.Absent();
    }
    ByteBuffer b = bytes.slice(bytes.position(), BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < MAGIC.length; i++) {
      if (b.get(i) != MAGIC[i]) {
        return new ClaimRead.Absent();
      }
    }
    int checksum = checksum(b);
    if (b.getInt(AT_VERSION) != VERSION) {
      return new ClaimRead.Unsupported(b.getInt(AT_VERSION), checksum);
    }
    if (b.getInt(AT_CHECKSUM) != checksum) {
      return corrupt("checksum", "%08x".formatted(checksum), "%08x".formatted(b.getInt(20)));
    }
    return checked(b, slot);
  }

  private static ClaimRead checked(ByteBuffer b, int slot) {
    int state = b.getInt(AT_STATE);
    int interval = b.getInt(AT_INTERVAL);
    if (b.getInt(AT_SLOT) != slot) {
      return corrupt("slot", Integer.toString(slot), Integer.toUnsignedString(b.getInt(AT_SLOT)));
    }
    if (state != HELD && state != RELEASED) {
      return corrupt("state", "1 or 2", Integer.toUnsignedString(state));
    }
    if (interval < ClaimBlock.MIN_INTERVAL_MILLIS || interval > ClaimBlock.MAX_INTERVAL_MILLIS) {
      return corrupt(
          "interval",
          "%d to %d ms".formatted(ClaimBlock.MIN_INTERVAL_MILLIS, ClaimBlock.MAX_INTERVAL_MILLIS),
          Integer.toUnsignedString(interval));
    }
    return new ClaimRead.Valid(
        new ClaimBlock(
            MdUuid.at(b, AT_ARRAY),
            slot,
            new ClaimOwner(
                MdUuid.at(b, AT_ENSEMBLE),
                FixedText.get(b, AT_CLUSTER, CLUSTER_BYTES),
                FixedText.get(b, AT_NODE, NODE_BYTES),
                b.getLong(AT_INCARNATION)),
            state == HELD ? State.HELD : State.RELEASED,
            b.getLong(AT_EPOCH),
            interval,
            b.getLong(AT_COUNTER),
            b.getLong(AT_WRITTEN)));
  }

  /** Fills the buffer from its position to its limit, at least {@link #BYTES}, with a block. */
  public static void encodeInto(ByteBuffer into, ClaimBlock block) {
    ByteBuffer b = into.slice().order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < b.remaining(); i++) {
      b.put(i, (byte) 0);
    }
    b.put(0, MAGIC);
    b.putInt(AT_VERSION, VERSION);
    MdUuid.put(b, AT_ARRAY, block.array());
    MdUuid.put(b, AT_ENSEMBLE, block.owner().ensemble());
    b.putLong(AT_INCARNATION, block.owner().incarnation());
    b.putLong(AT_EPOCH, block.epoch());
    b.putLong(AT_COUNTER, block.counter());
    b.putLong(AT_WRITTEN, block.writtenMillis());
    b.putInt(AT_SLOT, block.slot());
    b.putInt(AT_STATE, block.isHeld() ? HELD : RELEASED);
    b.putInt(AT_INTERVAL, block.intervalMillis());
    FixedText.put(b, AT_CLUSTER, CLUSTER_BYTES, fitting(block.owner().cluster(), CLUSTER_BYTES));
    FixedText.put(b, AT_NODE, NODE_BYTES, fitting(block.owner().node(), NODE_BYTES));
    b.putInt(AT_CHECKSUM, checksum(b.slice(0, BYTES)));
  }

  /** As much of a name as fits. */
  private static String fitting(String name, int bytes) {
    int length = name.length();
    while (FixedText.bytesOf(name.substring(0, length)).length > bytes) {
      length = name.offsetByCodePoints(length, -1);
    }
    return name.substring(0, length);
  }

  /** CRC-32C of the bytes, those of the checksum taken as zero. */
  private static int checksum(ByteBuffer b) {
    var crc = new CRC32C();
    crc.update(b.slice(0, AT_CHECKSUM));
    crc.update(new byte[Integer.BYTES]);
    crc.update(b.slice(AT_CHECKSUM + Integer.BYTES, BYTES - AT_CHECKSUM - Integer.BYTES));
    return (int) crc.getValue();
  }

  private static ClaimRead corrupt(String field, String expected, String found) {
    return new ClaimRead.Corrupt(field, expected, found);
  }
}
