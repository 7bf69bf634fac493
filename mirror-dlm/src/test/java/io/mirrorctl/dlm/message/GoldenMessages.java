package io.mirrorctl.dlm.message;

import com.google.common.base.CharMatcher;
import com.google.common.base.Splitter;
import io.mirrorctl.dlm.store.Bytes;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The messages of golden/messages.hex by name, in its order. */
final class GoldenMessages {
  private static final Splitter FIELDS =
      Splitter.on(CharMatcher.whitespace()).omitEmptyStrings().limit(2);

  private GoldenMessages() {}

  static Map<String, Bytes> read() {
    var vectors = new LinkedHashMap<String, ByteBuffer>();
    ByteBuffer vector = null;
    for (String line : text().lines().toList()) {
      String data = line.replaceFirst("#.*", "").trim();
      if (data.isEmpty()) {
        continue;
      }
      if (Character.isLetter(data.charAt(0))) {
        vector = ByteBuffer.allocate(64);
        vectors.put(data, vector);
      } else {
        List<String> fields = FIELDS.splitToList(data);
        vector.put(Integer.parseInt(fields.get(0)), HexFormat.of().parseHex(fields.get(1)));
      }
    }
    var read = new LinkedHashMap<String, Bytes>();
    vectors.forEach((name, content) -> read.put(name, Bytes.of(content.rewind())));
    return read;
  }

  private static String text() {
    try (InputStream in = GoldenMessages.class.getResourceAsStream("/golden/messages.hex")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
