package io.mirrorctl.core.array;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BadBlockLog;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Sectors of one member that hold no good data although the member is in sync: read from the
 * bad-block log that Linux keeps on arrays which are not clustered. Such sectors are read from
 * other members; a write over them makes them good. Nothing is ever added here: a member that
 * cannot take a write is failed.
 *
 * <p>Units: sectors of the member device, data_offset included. Threading: any thread.
 */
final class BadBlocks {
  private final AtomicReference<BadBlockLog> log;
  private volatile BadBlockLog onDisk;

  BadBlocks(BadBlockLog onDisk) {
    this.onDisk = onDisk;
    this.log = new AtomicReference<>(onDisk);
  }

  boolean isEmpty() {
    return log.get().isEmpty();
  }

  boolean overlap(SectorRange range) {
    return log.get().overlaps(range);
  }

  /** As the log on disk has it, which a restart goes by. */
  boolean overlapStored(SectorRange range) {
    return onDisk.overlaps(range);
  }

  /** The range was written: its sectors are good again. */
  void written(SectorRange range) {
    if (overlap(range)) {
      log.updateAndGet(current -> current.without(range));
    }
  }

  BadBlockLog log() {
    return log.get();
  }

  /** Whether the log on disk says something else. */
  boolean isChanged() {
    return !onDisk.equals(log.get());
  }

  void stored(BadBlockLog written) {
    onDisk = written;
  }
}
