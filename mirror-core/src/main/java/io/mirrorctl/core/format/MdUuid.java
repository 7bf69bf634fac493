package io.mirrorctl.core.format;

import static com.google.common.base.Preconditions.checkArgument;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * UUIDs as md writes them: 16 raw bytes on disk, four groups of eight hexadecimal digits for people
 * ({@code 447f425b:21f8c7b7:7413fd5d:9af5dfdb}).
 */
public final class MdUuid {
  private static final Pattern SEPARATORS = Pattern.compile("[-:. ]");

  private MdUuid() {}

  /** The UUID in mdadm's notation. */
  public static String format(UUID uuid) {
    String digits =
        HexFormat.of().toHexDigits(uuid.getMostSignificantBits())
            + HexFormat.of().toHexDigits(uuid.getLeastSignificantBits());
    return String.join(
        ":",
        digits.substring(0, 8),
        digits.substring(8, 16),
        digits.substring(16, 24),
        digits.substring(24));
  }

  /**
   * Reads mdadm's notation, and that of everybody else: 32 hexadecimal digits, with colons, dashes,
   * dots or spaces between them.
   *
   * @throws IllegalArgumentException if the text is no UUID
   */
  public static UUID parse(String text) {
    String digits = SEPARATORS.matcher(text).replaceAll("");
    checkArgument(
        digits.length() == 32 && digits.chars().allMatch(HexFormat::isHexDigit),
        "\"%s\" is no UUID: 32 hexadecimal digits expected, as in %s",
        text,
        "447f425b:21f8c7b7:7413fd5d:9af5dfdb");
    return new UUID(
        HexFormat.fromHexDigitsToLong(digits, 0, 16),
        HexFormat.fromHexDigitsToLong(digits, 16, 32));
  }

  /** The 16 bytes as they stand on disk. */
  public static byte[] toBytes(UUID uuid) {
    return ByteBuffer.allocate(16)
        .putLong(uuid.getMostSignificantBits())
        .putLong(uuid.getLeastSignificantBits())
        .array();
  }

  /** The UUID of 16 bytes from disk. */
  public static UUID fromBytes(byte[] bytes) {
    checkArgument(bytes.length == 16, "a UUID has 16 bytes, not %s", bytes.length);
    return at(ByteBuffer.wrap(bytes), 0);
  }

  static UUID at(ByteBuffer buffer, int offset) {
    ByteBuffer raw = buffer.duplicate().order(ByteOrder.BIG_ENDIAN);
    return new UUID(raw.getLong(offset), raw.getLong(offset + 8));
  }

  static void put(ByteBuffer buffer, int offset, UUID uuid) {
    buffer
        .duplicate()
        .order(ByteOrder.BIG_ENDIAN)
        .putLong(offset, uuid.getMostSignificantBits())
        .putLong(offset + 8, uuid.getLeastSignificantBits());
  }
}
