package io.mirrorctl.cli.nbd;

import com.google.common.base.Ticker;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A moment of monotonic time by which something must be over. */
record Deadline(Ticker ticker, long atNanos) {

  static Deadline in(Duration time, Ticker ticker) {
    return new Deadline(ticker, ticker.read() + time.toNanos());
  }

  /** What is left, rounded up to milliseconds; zero or less if it is over. */
  long millisLeft() {
    long nanos = atNanos - ticker.read();
    return nanos <= 0 ? 0 : TimeUnit.NANOSECONDS.toMillis(nanos - 1) + 1;
  }

  boolean over() {
    return atNanos - ticker.read() <= 0;
  }

  /** The earlier of both. */
  Deadline orEarlier(Deadline other) {
    return atNanos - other.atNanos <= 0 ? this : other;
  }
}
