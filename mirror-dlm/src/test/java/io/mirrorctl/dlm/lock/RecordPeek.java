package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.Bytes;

/** What a stored lock record says, for tests of other packages. */
public final class RecordPeek {
  private RecordPeek() {}

  /** {@code CR}, {@code CR->EX}, {@code ->EX} or {@code -}. */
  public static String mode(Bytes stored, int slot) {
    return decode(stored).entries().stream()
        .filter(entry -> entry.owner().slot() == slot)
        .map(entry ->
            entry.state().heldMode().map(LockMode::name).orElse("")
                + entry.state().wantedMode().map(mode -> "->" + mode).orElse(""))
        .findAny()
        .orElse("-");
  }

  /** Generation of the lockspace's view in which it was written. */
  public static long generation(Bytes stored) {
    return decode(stored).generation();
  }

  private static LockRecord decode(Bytes stored) {
    try {
      return LockRecordCodec.decode(stored);
    } catch (MalformedRecordException e) {
      throw new AssertionError(e);
    }
  }
}
