package io.mirrorctl.dlm.message;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.dlm.store.Bytes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What a receiver answers when it has processed a message. On the wire: at most 36 bytes of the
 * note in its entry on its {@code ack}; see docs/formats/messages.md.
 */
public sealed interface Answer {
  /** Bytes of the longest answer. */
  int MAX_BYTES = 36;

  /** Processed. */
  record Accepted() implements Answer {}

  /**
   * Not possible here, and nothing of it is applied; an answer to a proposal only.
   *
   * @param reason at most 36 bytes of UTF-8 without control characters: {@link #refused} cuts
   */
  record Refused(String reason) implements Answer {
    public Refused {
      checkArgument(
          !reason.isEmpty()
              && Bytes.utf8(reason).size() <= MAX_BYTES
              && reason.codePoints().allMatch(Answer::isText),
          "\"%s\" is no reason of 1 to %s bytes",
          reason,
          MAX_BYTES);
    }
  }

  /**
   * Processed, and these members fail here too: an answer to {@link ClusterMessage.Hold}, upon
   * which the change starts again with all of them.
   */
  record AlsoFailing(Bits256 members) implements Answer {
    public AlsoFailing {
      checkArgument(!members.isEmpty(), "no member");
    }
  }

  /** A refusal with as much of the reason as an answer can hold. */
  static Refused refused(String reason) {
    var kept = new StringBuilder();
    int bytes = 0;
    for (int point : reason.codePoints().toArray()) {
      int shown = isText(point) ? point : '?';
      bytes += Bytes.utf8(Character.toString(shown)).size();
      if (bytes > MAX_BYTES) {
        break;
      }
      kept.appendCodePoint(shown);
    }
    return new Refused(kept.isEmpty() ? "no reason given" : kept.toString());
  }

  private static boolean isText(int point) {
    return !Character.isISOControl(point)
        && (point < Character.MIN_SURROGATE || point > Character.MAX_SURROGATE);
  }

  /** The bytes of an answer. */
  static Bytes encode(Answer answer) {
    return switch (answer) {
      case Accepted() -> Bytes.EMPTY;
      case Refused(var reason) -> Bytes.utf8(reason);
      case AlsoFailing(var members) -> {
        ByteBuffer b = ByteBuffer.allocate(1 + Bits256.SIZE / 8).order(ByteOrder.LITTLE_ENDIAN);
        b.put(0, ALSO_FAILING);
        MessageCodec.putBits(b, 1, members);
        yield Bytes.of(b);
      }
    };
  }

  /** Reads an answer; one that no version of ours writes counts as a refusal. */
  static Answer decode(Bytes note) {
    if (note.size() == 0) {
      return new Accepted();
    }
    ByteBuffer b = note.buffer().order(ByteOrder.LITTLE_ENDIAN);
    if (b.get(0) == ALSO_FAILING) {
      Bits256 members = b.limit() == 1 + Bits256.SIZE / 8 ? MessageCodec.bits(b, 1) : Bits256.NONE;
      return members.isEmpty() ? refused("unreadable answer " + note) : new AlsoFailing(members);
    }
    return refused(note.text());
  }

  /** First byte of a note that names members; no text begins with it. */
  byte ALSO_FAILING = 1;
}
