package io.mirrorctl.cli.nbd;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Random;

/** Damage to a stream of bytes, the same for the same seed. */
final class Mutation {
  private static final int[] TELLING = {
    0, 1, -1, 7, 8, 9, 12, 255, 4096, 65_535, 65_536, Integer.MAX_VALUE, Integer.MIN_VALUE, 1 << 30
  };

  private Mutation() {}

  /** One to three changes of different kinds. */
  static byte[] of(byte[] stream, Random random) {
    byte[] damaged = stream.clone();
    for (int changes = 1 + random.nextInt(3); changes > 0 && damaged.length > 8; changes--) {
      damaged = one(damaged, random);
    }
    return damaged;
  }

  private static byte[] one(byte[] stream, Random random) {
    int at = random.nextInt(stream.length);
    int some = 1 + random.nextInt(Math.min(64, stream.length - at));
    switch (random.nextInt(7)) {
      case 0 -> stream[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> stream[at] = (byte) random.nextInt();
      case 2 -> {
        int aligned = Math.min(at / 2 * 2, stream.length - 4);
        ByteBuffer.wrap(stream).putInt(aligned, TELLING[random.nextInt(TELLING.length)]);
      }
      case 3 -> {
        int aligned = Math.min(at, stream.length - 4);
        ByteBuffer words = ByteBuffer.wrap(stream);
        words.putInt(aligned, words.getInt(aligned) + random.nextInt(-9, 10));
      }
      case 4 -> {
        return join(stream, at, new byte[0], at + some);
      }
      case 5 -> {
        byte[] again = new byte[some];
        System.arraycopy(stream, at, again, 0, some);
        return join(stream, random.nextInt(stream.length), again, -1);
      }
      default -> {
        return join(stream, at, new byte[0], stream.length);
      }
    }
    return stream;
  }

  /** The stream up to a place, something else, and the stream from a place on. */
  private static byte[] join(byte[] stream, int until, byte[] middle, int from) {
    var joined = new ByteArrayOutputStream();
    int behind = from < 0 ? until : from;
    joined.write(stream, 0, until);
    joined.writeBytes(middle);
    joined.write(stream, behind, stream.length - behind);
    return joined.toByteArray();
  }
}
