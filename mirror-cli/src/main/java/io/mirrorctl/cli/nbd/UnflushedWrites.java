package io.mirrorctl.cli.nbd;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Whether a server has answered writes that no flush has made durable yet, which it may lose when
 * it goes down.
 *
 * <p>Writes are counted as their answers are read; a flush covers those counted before it was sent.
 * Writes with FUA are durable when answered and are not counted. Threading: safe from any thread;
 * exact once nothing is in flight.
 */
final class UnflushedWrites {
  private final AtomicLong answered = new AtomicLong();
  private final AtomicLong covered = new AtomicLong();

  /** A write that is not durable by itself was answered; to be called before its caller is told. */
  void answered() {
    answered.incrementAndGet();
  }

  /** To be taken before a flush is sent, and given to {@link #flushed} when it has succeeded. */
  long beforeFlush() {
    return answered.get();
  }

  /** A flush that was sent after {@link #beforeFlush} returned {@code mark} has succeeded. */
  void flushed(long mark) {
    covered.accumulateAndGet(mark, Math::max);
  }

  /** Whether a write has been answered that no flush covers. */
  boolean exist() {
    return covered.get() < answered.get();
  }

  /** Their owner has given up on all writes answered so far. */
  void forget() {
    covered.set(answered.get());
  }
}
