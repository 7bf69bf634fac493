package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.LockRequest;
import io.mirrorctl.dlm.store.Bytes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * An answer with the message it is to: the note in a receiver's entry on its {@code ack}; see
 * docs/formats/messages.md.
 */
record Reply(int sequence, Answer answer) {
  private static final int AT_ANSWER = 4;

  Bytes encode() {
    Bytes said = Answer.encode(answer);
    ByteBuffer b = ByteBuffer.allocate(AT_ANSWER + said.size()).order(ByteOrder.LITTLE_ENDIAN);
    return Bytes.of(b.putInt(sequence).put(said.buffer()).flip());
  }

  /** Whether the note is a reply to that message. */
  static boolean isTo(int sequence, Bytes note) {
    return note.size() >= AT_ANSWER
        && note.buffer().order(ByteOrder.LITTLE_ENDIAN).getInt(0) == sequence;
  }

  /** What is answered by a note that is a reply. */
  static Answer answer(Bytes note) {
    return Answer.decode(Bytes.of(note.buffer().position(AT_ANSWER)));
  }

  /** Bytes that are left for the answer. */
  static int room() {
    return LockRequest.NOTE_BYTES - AT_ANSWER;
  }
}
