package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.Bytes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Reads little-endian fields of which nothing is believed. */
final class RecordReader {
  private final ByteBuffer in;

  RecordReader(Bytes bytes) {
    in = bytes.buffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  private void need(String field, int bytes) throws MalformedRecordException {
    if (in.remaining() < bytes) {
      throw new MalformedRecordException(field, bytes + " bytes", in.remaining() + ", the end");
    }
  }

  int u8(String field) throws MalformedRecordException {
    need(field, 1);
    return Byte.toUnsignedInt(in.get());
  }

  int u16(String field) throws MalformedRecordException {
    need(field, 2);
    return Short.toUnsignedInt(in.getShort());
  }

  /** One of 0 to {@code limit}. */
  int u8(String field, int limit) throws MalformedRecordException {
    return within(field, u8(field), limit);
  }

  /** One of 0 to {@code limit}. */
  int u16(String field, int limit) throws MalformedRecordException {
    return within(field, u16(field), limit);
  }

  private static int within(String field, int value, int limit) throws MalformedRecordException {
    if (value > limit) {
      throw new MalformedRecordException(field, "at most " + limit, value);
    }
    return value;
  }

  int u31(String field) throws MalformedRecordException {
    need(field, 4);
    int value = in.getInt();
    if (value < 0) {
      throw new MalformedRecordException(field, "below 2^31", Integer.toUnsignedString(value));
    }
    return value;
  }

  long u63(String field) throws MalformedRecordException {
    need(field, 8);
    long value = in.getLong();
    if (value < 0) {
      throw new MalformedRecordException(field, "below 2^63", Long.toUnsignedString(value));
    }
    return value;
  }

  Bytes bytes(String field, int size) throws MalformedRecordException {
    need(field, size);
    byte[] content = new byte[size];
    in.get(content);
    return Bytes.of(content);
  }

  /** A length in one byte, then so many bytes of UTF-8. */
  String text(String field) throws MalformedRecordException {
    byte[] content = bytes(field, u8(field)).toArray();
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content)).toString();
    } catch (CharacterCodingException e) {
      throw new MalformedRecordException(field, "UTF-8", Bytes.of(content));
    }
  }

  void expect(String field, int expected, int found) throws MalformedRecordException {
    if (expected != found) {
      throw new MalformedRecordException(field, expected, found);
    }
  }

  void end() throws MalformedRecordException {
    if (in.hasRemaining()) {
      throw new MalformedRecordException("the end", "here", in.remaining() + " bytes away");
    }
  }
}
