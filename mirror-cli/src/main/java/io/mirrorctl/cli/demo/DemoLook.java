package io.mirrorctl.cli.demo;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.HexFormat;

/**
 * What a mirror gives back of a text that was being written over another one when the writer's node
 * died: every acknowledged byte is new, every byte that was never sent is old, and each unit that
 * was on its way is one or the other as a whole.
 *
 * @param sha256 of all that was read
 * @param wrongAt offset of the first unit that is neither, or -1
 * @param unansweredNew bytes that were on their way and are new
 */
record DemoLook(String sha256, long wrongAt, long unansweredNew) {

  /**
   * Looks at all of it.
   *
   * @param after the account of the writer
   */
  static DemoLook at(DemoText mirror, long bytes, DemoText before, DemoText then, DemoCopy after)
      throws IOException {
    var eye = new Eye(before, then, after);
    mirror.each(bytes, eye::take);
    return new DemoLook(
        HexFormat.of().formatHex(eye.digest.digest()), eye.wrongAt, eye.unansweredNew);
  }

  private static final class Eye {
    private final DemoText before;
    private final DemoText then;
    private final DemoCopy copy;
    private final MessageDigest digest = DemoText.sha256();
    private final ByteBuffer oldPiece = ByteBuffer.allocate(DemoText.PIECE);
    private final ByteBuffer newPiece = ByteBuffer.allocate(DemoText.PIECE);
    private long wrongAt = -1;
    private long unansweredNew;

    Eye(DemoText before, DemoText then, DemoCopy copy) {
      this.before = before;
      this.then = then;
      this.copy = copy;
    }

    void take(long offset, ByteBuffer found) throws IOException {
      int length = found.remaining();
      before.read(offset, oldPiece.clear().limit(length));
      then.read(offset, newPiece.clear().limit(length));
      for (int at = 0; at < length; at += DemoText.UNIT) {
        int unit = Math.min(DemoText.UNIT, length - at);
        judge(
            offset + at,
            found.slice(at, unit).equals(oldPiece.slice(at, unit)),
            found.slice(at, unit).equals(newPiece.slice(at, unit)),
            unit);
      }
      digest.update(found);
    }

    private void judge(long at, boolean isOld, boolean isNew, int bytes) {
      boolean right;
      if (copy.isAcknowledged(at)) {
        right = isNew;
      } else if (copy.isSent(at)) {
        right = isOld || isNew;
        unansweredNew += isNew ? bytes : 0;
      } else {
        right = isOld;
      }
      if (!right && wrongAt < 0) {
        wrongAt = at;
      }
    }
  }
}
