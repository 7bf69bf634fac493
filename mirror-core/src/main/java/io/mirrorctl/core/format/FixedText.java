package io.mirrorctl.core.format;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Text in a field of fixed width, padded with NULs, without loss in either direction: it is UTF-8,
 * and a byte that is not becomes the lone surrogate U+DC00 + byte, which no UTF-8 text yields.
 */
final class FixedText {
  private static final int ESCAPE = 0xDC00;

  private FixedText() {}

  static String get(ByteBuffer buffer, int offset, int width) {
    int length = width;
    while (length > 0 && buffer.get(offset + length - 1) == 0) {
      length--;
    }
    ByteBuffer bytes = buffer.slice(offset, length);
    CharBuffer text = CharBuffer.allocate(length);
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    while (true) {
      CoderResult result = decoder.decode(bytes, text, true);
      if (!result.isError()) {
        return text.flip().toString();
      }
      for (int i = 0; i < result.length(); i++) {
        text.put((char) (ESCAPE | (bytes.get() & 0xFF)));
      }
      decoder.reset();
    }
  }

  static void put(ByteBuffer buffer, int offset, int width, String text) {
    byte[] bytes = bytesOf(text);
    checkArgument(bytes.length <= width, "\"%s\" is longer than %s bytes", text, width);
    buffer.put(offset, bytes);
    for (int i = bytes.length; i < width; i++) {
      buffer.put(offset + i, (byte) 0);
    }
  }

  /** The text as it goes to disk; its length is what must fit. */
  static byte[] bytesOf(String text) {
    var out = new ByteArrayOutputStream(text.length());
    for (int i = 0; i < text.length(); ) {
      int point = text.codePointAt(i);
      i += Character.charCount(point);
      if (point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE) {
        checkArgument(
            point >= ESCAPE + 0x80 && point <= ESCAPE + 0xFF,
            "the text holds half of a character, U+%s",
            Integer.toHexString(point));
        out.write(point & 0xFF);
      } else {
        out.writeBytes(Character.toString(point).getBytes(StandardCharsets.UTF_8));
      }
    }
    return out.toByteArray();
  }
}
