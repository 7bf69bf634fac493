package io.mirrorctl.cli.nbd;

import com.google.common.base.Ticker;
import java.time.Duration;

/**
 * How long a peer may take over one message, in either direction: a fixed time, and the same again
 * for every 8 MiB, so that nobody holds memory of this server for long by sending or taking a byte
 * now and then.
 *
 * <p>Threading: one thread begins and ends, anyone may ask.
 */
final class Patience {
  private static final long KIBIBYTES_PER_TIME = 8 << 10;

  private final Ticker ticker;
  private final long nanos;

  /** When it ends; 0 while nothing is expected. */
  private volatile long end;

  Patience(Ticker ticker, Duration time) {
    this.ticker = ticker;
    this.nanos = time.toNanos();
  }

  /** From now on this many bytes are expected to move. */
  void begin(long bytes) {
    long until = ticker.read() + nanos + nanos / KIBIBYTES_PER_TIME * (bytes >> 10);
    end = until == 0 ? 1 : until;
  }

  /** They have moved. */
  void end() {
    end = 0;
  }

  /**
   * Whether it is too late.
   *
   * @param now nanoseconds by the ticker
   */
  boolean isOver(long now) {
    long until = end;
    return until != 0 && now - until > 0;
  }
}
