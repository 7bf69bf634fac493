package io.mirrorctl.cli.demo;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Something to be on the mirror, known by offset.
 *
 * <p>Threading: any thread.
 */
@FunctionalInterface
interface DemoText {
  /** Requests are multiples of so many bytes, which is what a mirror of any disks takes. */
  int UNIT = 4096;

  int PIECE = 1 << 20;

  /** Fills the buffer from this offset. */
  void read(long offset, ByteBuffer into) throws IOException;

  /** The same with every bit turned over. */
  default DemoText inverted() {
    return (offset, into) -> {
      int start = into.position();
      read(offset, into);
      int at = start;
      for (; at + Long.BYTES <= into.position(); at += Long.BYTES) {
        into.putLong(at, ~into.getLong(at));
      }
      for (; at < into.position(); at++) {
        into.put(at, (byte) ~into.get(at));
      }
    };
  }

  /** Takes the pieces of a text. */
  @FunctionalInterface
  interface Pieces {
    /**
     * Takes one.
     *
     * @param piece to be read from its position to its limit
     */
    void take(long offset, ByteBuffer piece) throws IOException;
  }

  /** Reads a text in whole units and hands out its first {@code length} bytes in order. */
  default void each(long length, Pieces pieces) throws IOException {
    ByteBuffer block = ByteBuffer.allocateDirect(PIECE);
    for (long at = 0; at < length; at += PIECE) {
      long left = length - at;
      block.clear().limit((int) Math.min(PIECE, Math.ceilDiv(left, (long) UNIT) * UNIT));
      read(at, block);
      block.flip().limit((int) Math.min(block.limit(), left));
      pieces.take(at, block);
    }
  }

  /** SHA-256 of the first {@code length} bytes. */
  default String sha256(long length) throws IOException {
    MessageDigest digest = sha256();
    each(length, (_, piece) -> digest.update(piece));
    return HexFormat.of().formatHex(digest.digest());
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
