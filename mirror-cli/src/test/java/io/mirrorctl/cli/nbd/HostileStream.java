package io.mirrorctl.cli.nbd;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.io.ByteArrayDataOutput;
import com.google.common.io.ByteStreams;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * What a client sends, from right to rubbish, made from a seed; and which changes of the device a
 * server may make of it at most.
 */
final class HostileStream {
  private static final int[] OPTIONS = {
    Nbd.OPT_EXPORT_NAME,
    Nbd.OPT_LIST,
    Nbd.OPT_PEEK_EXPORT,
    Nbd.OPT_STARTTLS,
    Nbd.OPT_INFO,
    Nbd.OPT_GO,
    Nbd.OPT_STRUCTURED_REPLY,
    Nbd.OPT_LIST_META_CONTEXT,
    Nbd.OPT_SET_META_CONTEXT,
    Nbd.OPT_EXTENDED_HEADERS
  };

  private final Random random;
  private final byte[] bytes;
  private final boolean wellFormed;
  private final List<StrictDevice.Change> permitted;
  private int requests;

  HostileStream(long seed) {
    random = new Random(seed);
    switch (random.nextInt(10)) {
      case 0 -> {
        bytes = randomBytes(random.nextInt(200));
        permitted = List.of();
        wellFormed = false;
      }
      case 1, 2 -> {
        bytes = mutated(concat(clientFlags(), options()));
        permitted = List.of();
        wellFormed = false;
      }
      default -> {
        byte[] transmission = requests();
        wellFormed = random.nextBoolean();
        if (wellFormed) {
          transmission = concat(transmission, RawClient.request(0, Nbd.CMD_DISC, requests, 0, 0));
        } else {
          transmission = mutated(transmission);
        }
        bytes = concat(clientFlags(), toTransmission(), transmission);
        permitted = changesIn(transmission);
      }
    }
  }

  /** Rubbish with the beginning of a TLS handshake record, of many lengths. */
  static byte[] likeTls(long seed) {
    var random = new Random(seed);
    byte[] data = new byte[random.nextInt(400)];
    random.nextBytes(data);
    byte[] start = {
      22, 3, 1, 0, (byte) random.nextInt(256), 1, 0, 0, (byte) random.nextInt(256), 3, 3
    };
    System.arraycopy(
        start, 0, data, 0, Math.min(random.nextInt(12), Math.min(start.length, data.length)));
    return data;
  }

  byte[] bytes() {
    return bytes.clone();
  }

  /** Whether nothing is wrong with its form, so that every request must be answered. */
  boolean isWellFormed() {
    return wellFormed;
  }

  /** Requests in a well-formed stream, without the goodbye; their cookies count from 0. */
  int requestCount() {
    return requests;
  }

  /** The changes a server makes of the stream if it gets to execute all of it. */
  List<StrictDevice.Change> permitted() {
    return permitted;
  }

  private byte[] randomBytes(int length) {
    byte[] data = new byte[length];
    random.nextBytes(data);
    return data;
  }

  private static byte[] clientFlags() {
    return RawClient.bytes(out -> out.writeInt(RawClient.BOTH_FLAGS));
  }

  private static void option(ByteArrayDataOutput out, int option, byte[] data) {
    out.writeLong(Nbd.OPTION_MAGIC);
    out.writeInt(option);
    out.writeInt(data.length);
    out.write(data);
  }

  private static byte[] toTransmission() {
    return RawClient.bytes(out -> {
      option(out, Nbd.OPT_STRUCTURED_REPLY, new byte[0]);
      option(out, Nbd.OPT_SET_META_CONTEXT, contextData());
      option(out, Nbd.OPT_GO, RawClient.goData("", Nbd.INFO_BLOCK_SIZE));
    });
  }

  private static byte[] contextData() {
    return RawClient.bytes(out -> {
      RawClient.string(out, "");
      out.writeInt(1);
      RawClient.string(out, Nbd.CONTEXT_BASE_ALLOCATION);
    });
  }

  private byte[] options() {
    ByteArrayDataOutput out = ByteStreams.newDataOutput();
    for (int i = random.nextInt(6); i >= 0; i--) {
      byte[] data =
          switch (random.nextInt(4)) {
            case 0 -> new byte[0];
            case 1 -> contextData();
            case 2 -> RawClient.goData("", Nbd.INFO_BLOCK_SIZE, Nbd.INFO_NAME);
            default -> randomBytes(random.nextInt(60));
          };
      option(out, OPTIONS[random.nextInt(OPTIONS.length)], data);
    }
    return out.toByteArray();
  }

  private byte[] requests() {
    ByteArrayDataOutput out = ByteStreams.newDataOutput();
    int count = 1 + random.nextInt(12);
    for (int i = 0; i < count; i++) {
      boolean sane = random.nextInt(5) > 0;
      int type = sane ? random.nextInt(8) : random.nextInt(1 << 16);
      if (type == Nbd.CMD_DISC) {
        type = Nbd.CMD_FLUSH;
      }
      int flags = random.nextInt(4) > 0 ? random.nextInt(2) : random.nextInt(1 << 16);
      long offset = 512L * random.nextInt(StrictDevice.SIZE / 512 + 2);
      long length = 512L * random.nextInt(type == Nbd.CMD_WRITE ? 8 : 300);
      if (!sane) {
        offset = random.nextLong();
        length = type == Nbd.CMD_WRITE ? random.nextInt(5000) : random.nextInt() & 0xffffffffL;
      }
      out.write(RawClient.request(flags, type, requests++, offset, length));
      if (type == Nbd.CMD_WRITE) {
        out.write(randomBytes((int) length));
      }
    }
    return out.toByteArray();
  }

  private byte[] mutated(byte[] original) {
    byte[] result = original.clone();
    for (int i = random.nextInt(4); i >= 0 && result.length > 0; i--) {
      int at = random.nextInt(result.length);
      switch (random.nextInt(5)) {
        case 0 -> result = Arrays.copyOf(result, at);
        case 1 -> {
          byte[] tail = Arrays.copyOfRange(result, at, result.length);
          result = concat(Arrays.copyOf(result, at), randomBytes(random.nextInt(40)), tail);
        }
        default -> result[at] = (byte) random.nextInt();
      }
    }
    return result;
  }

  private static byte[] concat(byte[]... parts) {
    ByteArrayDataOutput out = ByteStreams.newDataOutput();
    for (byte[] part : parts) {
      out.write(part);
    }
    return out.toByteArray();
  }

  /** Reads the transmission as the protocol says, one request after the other. */
  private static List<StrictDevice.Change> changesIn(byte[] transmission) {
    List<StrictDevice.Change> changes = new ArrayList<>();
    ByteBuffer in = ByteBuffer.wrap(transmission);
    while (in.remaining() >= Nbd.REQUEST_BYTES && in.getInt() == Nbd.REQUEST_MAGIC) {
      int flags = Short.toUnsignedInt(in.getShort());
      int type = Short.toUnsignedInt(in.getShort());
      in.getLong();
      long offset = in.getLong();
      long length = Integer.toUnsignedLong(in.getInt());
      if (type == Nbd.CMD_DISC) {
        break;
      }
      ByteBuffer data = ByteBuffer.allocate(0);
      if (type == Nbd.CMD_WRITE) {
        if (length > in.remaining()) {
          break;
        }
        data = in.slice(in.position(), (int) length);
        in.position(in.position() + (int) length);
      }
      if (isChange(flags, type) && isInside(offset, length)) {
        add(changes, type, offset, length, (flags & Nbd.CMD_FLAG_FUA) != 0, data);
      }
    }
    return changes;
  }

  private static boolean isChange(int flags, int type) {
    int known =
        switch (type) {
          case Nbd.CMD_WRITE, Nbd.CMD_TRIM -> Nbd.CMD_FLAG_FUA;
          case Nbd.CMD_WRITE_ZEROES ->
              Nbd.CMD_FLAG_FUA | Nbd.CMD_FLAG_NO_HOLE | Nbd.CMD_FLAG_FAST_ZERO;
          default -> -1;
        };
    return known != -1 && (flags & ~known) == 0;
  }

  private static boolean isInside(long offset, long length) {
    return offset >= 0
        && offset <= StrictDevice.SIZE
        && length <= StrictDevice.SIZE - offset
        && offset % StrictDevice.BLOCK == 0
        && length % StrictDevice.BLOCK == 0;
  }

  private static void add(
      List<StrictDevice.Change> changes,
      int type,
      long offset,
      long length,
      boolean durable,
      ByteBuffer data) {
    if (length > 0) {
      checkState(type != Nbd.CMD_WRITE || length <= 64 << 10, "a write in pieces");
      changes.add(
          new StrictDevice.Change(
              type, offset, length, durable, type == Nbd.CMD_WRITE ? data.hashCode() : 0));
    }
  }
}
