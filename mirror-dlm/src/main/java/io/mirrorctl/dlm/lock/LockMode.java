package io.mirrorctl.dlm.lock;

/**
 * The six lock modes of the Linux DLM, weakest first, with its compatibility matrix.
 *
 * <p>Source: the DLM's {@code __dlm_compat_matrix}; the table stands in the module's test.
 */
public enum LockMode {
  /** Null: holds the resource and its value block alive, conflicts with nothing. */
  NL(1 << 0, 0b111111),
  /** Concurrent read: conflicts with EX alone. */
  CR(1 << 1, 0b011111),
  /** Concurrent write. */
  CW(1 << 2, 0b000111),
  /** Protected read: shared among readers. */
  PR(1 << 3, 0b001011),
  /** Protected write: one writer, concurrent readers allowed. */
  PW(1 << 4, 0b000011),
  /** Exclusive. */
  EX(1 << 5, 0b000001);

  private final int bit;
  private final int compatible;

  LockMode(int bit, int compatible) {
    this.bit = bit;
    this.compatible = compatible;
  }

  /** Whether one owner may hold this mode while another holds {@code other}; symmetric. */
  public boolean isCompatibleWith(LockMode other) {
    return (compatible & other.bit) != 0;
  }
}
