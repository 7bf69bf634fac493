package io.mirrorctl.dlm.member;

import com.google.common.base.Ticker;
import io.mirrorctl.core.env.Env;
import java.time.Duration;
import java.time.InstantSource;

/**
 * This node's permission to do I/O (decision D4). It ends a fixed time after the last answered
 * renewal was <em>sent</em>, by the monotonic or the wall clock, whichever says so first; so a
 * process that slept finds it over before it does anything else. A wall clock that was set back
 * behind the moment of that renewal ends it too, until the next one: nothing can be said then.
 *
 * <p>Threading: one thread renews; any thread asks, without a lock. Not covered: a pause between
 * the question and the system call, and a machine whose clocks were both stopped.
 */
public final class Lease {
  private static final Term NONE = new Term(0, 0, false);

  private final Ticker ticker;
  private final InstantSource wallClock;
  private volatile Duration length = Duration.ZERO;
  private volatile Term term = NONE;
  private volatile boolean ended;

  /** When a renewal was sent. */
  record Sent(long nanos, long wallMillis) {}

  private record Term(long sentNanos, long sentWallMillis, boolean granted) {}

  Lease(Env env) {
    ticker = env.ticker();
    wallClock = env.wallClock();
  }

  /** Whether I/O may be submitted at this moment. */
  public boolean isValid() {
    return remaining().isPositive();
  }

  /** Time until it ends unless it is renewed; zero when it is over. */
  public Duration remaining() {
    Term now = term;
    if (ended || !now.granted()) {
      return Duration.ZERO;
    }
    long byWall = wallClock.millis() - now.sentWallMillis();
    long byTicker = ticker.read() - now.sentNanos();
    if (byWall < 0) {
      return Duration.ZERO;
    }
    long spent = Math.max(byTicker, Duration.ofMillis(byWall).toNanos());
    return spent >= length.toNanos() ? Duration.ZERO : length.minusNanos(spent);
  }

  /** From one renewal to the end. */
  public Duration length() {
    return length;
  }

  /** Both clocks, now. */
  Sent now() {
    return new Sent(ticker.read(), wallClock.millis());
  }

  void fix(Duration leaseLength) {
    length = leaseLength;
  }

  /** A renewal that was sent then has been answered. */
  void renewed(Sent sent) {
    term = new Term(sent.nanos(), sent.wallMillis(), true);
  }

  /** Over for good. */
  void end() {
    ended = true;
  }
}
