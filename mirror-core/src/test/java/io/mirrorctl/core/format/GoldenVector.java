package io.mirrorctl.core.format;

import com.google.common.base.CharMatcher;
import com.google.common.base.Splitter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;

/** Bytes written down by hand: lines of offset, hexadecimal bytes and a comment; the rest is 0. */
final class GoldenVector {
  private static final Splitter LINES = Splitter.on('\n').omitEmptyStrings();
  private static final Splitter FIELDS =
      Splitter.on(CharMatcher.whitespace()).omitEmptyStrings().limit(2);

  private GoldenVector() {}

  static ByteBuffer read(String name, int length) {
    ByteBuffer vector = ByteBuffer.allocate(length);
    for (String line : LINES.split(text(name))) {
      String data = line.replaceFirst("#.*", "").trim();
      if (!data.isEmpty()) {
        List<String> fields = FIELDS.splitToList(data);
        vector.put(
            Integer.decode(fields.get(0)),
            HexFormat.of().parseHex(CharMatcher.whitespace().removeFrom(fields.get(1))));
      }
    }
    return vector;
  }

  private static String text(String name) {
    try (InputStream in = GoldenVector.class.getResourceAsStream("/golden/" + name + ".hex")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
