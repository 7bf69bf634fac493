package io.mirrorctl.cli.nbd;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * Reads the data of an option, trusting none of its lengths.
 *
 * <p>Every method throws {@link Malformed} if the data does not hold what is asked for.
 */
final class OptionData {
  private final ByteBuffer data;

  OptionData(ByteBuffer data) {
    this.data = data;
  }

  int u16() throws Malformed {
    require(Short.BYTES, "a 16-bit number");
    return Short.toUnsignedInt(data.getShort());
  }

  /** A count or length; what does not fit into an int is too large anyway. */
  int u32() throws Malformed {
    require(Integer.BYTES, "a 32-bit number");
    int value = data.getInt();
    if (value < 0) {
      throw new Malformed("length %d is beyond the option's data".formatted(value & 0xffffffffL));
    }
    return value;
  }

  /** A string behind its 32-bit length. */
  String string() throws Malformed {
    return string(u32());
  }

  /** A string of so many bytes. */
  String string(int bytes) throws Malformed {
    if (bytes > Nbd.MAX_STRING) {
      throw new Malformed("a string of %d bytes".formatted(bytes));
    }
    require(bytes, "a string");
    ByteBuffer text = data.slice(data.position(), bytes);
    data.position(data.position() + bytes);
    try {
      String string = StandardCharsets.UTF_8.newDecoder().decode(text).toString();
      if (string.indexOf('\0') >= 0) {
        throw new Malformed("a string with NUL in it");
      }
      return string;
    } catch (CharacterCodingException e) {
      throw new Malformed("a string that is not UTF-8");
    }
  }

  /** One node or more, and nothing behind them. */
  List<NodeIdentity> identities() throws Malformed {
    List<NodeIdentity> all = new ArrayList<>();
    do {
      all.add(identity());
    } while (data.hasRemaining());
    return all;
  }

  /** A node. */
  NodeIdentity identity() throws Malformed {
    require(NodeIdentity.BYTES, "a node");
    var cluster = new UUID(data.getLong(), data.getLong());
    int node = data.getInt();
    long incarnation = data.getLong();
    try {
      return new NodeIdentity(cluster, node, incarnation);
    } catch (IllegalArgumentException e) {
      throw new Malformed(e.getMessage());
    }
  }

  /** Checks that nothing is left. */
  void end() throws Malformed {
    if (data.hasRemaining()) {
      throw new Malformed("%d bytes too many".formatted(data.remaining()));
    }
  }

  private void require(int bytes, String what) throws Malformed {
    if (data.remaining() < bytes) {
      throw new Malformed("%d bytes where %s needs %d".formatted(data.remaining(), what, bytes));
    }
  }

  /** The data does not have the form of the option. */
  static final class Malformed extends Exception {
    private static final long serialVersionUID = 1L;

    Malformed(String message) {
      super(message);
    }
  }
}
