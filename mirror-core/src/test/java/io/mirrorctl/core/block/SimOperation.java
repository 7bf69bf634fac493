package io.mirrorctl.core.block;

import java.util.Optional;
import java.util.Set;

/**
 * A request to a {@link SimDisk}.
 *
 * @param offset bytes; 0 for a flush
 * @param length bytes; 0 for a flush
 */
public record SimOperation(Kind kind, long offset, long length, Set<WriteOption> options) {

  /** What is asked for. */
  public enum Kind {
    READ,
    WRITE,
    FLUSH,
    DISCARD,
    ZERO
  }

  /** Whether it changes any byte of these sectors. */
  public boolean changes(SectorRange range) {
    return (kind == Kind.WRITE || kind == Kind.DISCARD || kind == Kind.ZERO) && touches(range);
  }

  /** Whether it reads or changes any byte of these sectors. */
  public boolean touches(SectorRange range) {
    return SectorRange.coveringBytes(offset, length).overlaps(range);
  }

  /**
   * An operation and how it ended.
   *
   * @param failure empty if it was served
   */
  public record Logged(SimOperation operation, Optional<IoFailure> failure) {}
}
