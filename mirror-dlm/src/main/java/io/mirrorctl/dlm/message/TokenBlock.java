package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.ValueBlock;
import io.mirrorctl.dlm.store.Bytes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The value block of {@code token}, written by each holder as it lets go. If its sequence is not
 * that of {@code message}, a sender died before all had answered.
 *
 * @param sequence that of the last message that every member has applied
 * @param interrupted whether a holder died and nobody has settled what it left open
 */
record TokenBlock(int sequence, boolean interrupted) {
  private static final byte VERSION = 1;
  private static final int AT_FLAGS = 1;
  private static final int AT_SEQUENCE = 4;

  Bytes encode() {
    ByteBuffer b = ByteBuffer.allocate(ValueBlock.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    b.put(0, VERSION).put(AT_FLAGS, (byte) (interrupted ? 1 : 0)).putInt(AT_SEQUENCE, sequence);
    return Bytes.of(b);
  }

  /**
   * Reads the block; one that is not valid tells that its last holder died with the token.
   *
   * @throws IllegalArgumentException if another version wrote it
   */
  static TokenBlock decode(ValueBlock block) {
    if (block.content().equals(ValueBlock.ZERO.content())) {
      return new TokenBlock(0, !block.valid());
    }
    ByteBuffer b = block.content().buffer().order(ByteOrder.LITTLE_ENDIAN);
    var read = new TokenBlock(b.getInt(AT_SEQUENCE), b.get(AT_FLAGS) == 1);
    if (!read.encode().equals(block.content())) {
      throw new IllegalArgumentException(
          "the value block of token is not of version %d: %s".formatted(VERSION, block.content()));
    }
    return new TokenBlock(read.sequence(), read.interrupted() || !block.valid());
  }
}
