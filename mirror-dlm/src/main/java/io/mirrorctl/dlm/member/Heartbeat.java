package io.mirrorctl.dlm.member;

import java.time.Duration;

/**
 * How often a node shows that it lives and when it counts as gone. The first member of an empty
 * cluster sets it, the rest inherit it.
 *
 * @param clockPeriodMillis length of a tick, {@value #MIN_CLOCK_PERIOD} to {@value
 *     #MAX_CLOCK_PERIOD}
 * @param sendMultiple ticks from one renewal of the lease to the next, 1 to {@value #MAX_MULTIPLE}
 * @param receiveMultiple renewals that are missed until the session ends, {@value
 *     #MIN_RECEIVE_MULTIPLE} to {@value #MAX_MULTIPLE}
 */
public record Heartbeat(int clockPeriodMillis, int sendMultiple, int receiveMultiple) {
  static final int MIN_CLOCK_PERIOD = 50;
  static final int MAX_CLOCK_PERIOD = 10_000;
  static final int MIN_RECEIVE_MULTIPLE = 4;
  static final int MAX_MULTIPLE = 100;
  private static final int MIN_TIMEOUT = 1_000;
  private static final int MAX_TIMEOUT = 600_000;

  /** A renewal every 1.5 s, a session of 9 s. */
  public static final Heartbeat DEFAULT = new Heartbeat(500, 3, 6);

  public Heartbeat {
    within("clock period", clockPeriodMillis, MIN_CLOCK_PERIOD, MAX_CLOCK_PERIOD, " ms");
    within("send multiple", sendMultiple, 1, MAX_MULTIPLE, "");
    within("receive multiple", receiveMultiple, MIN_RECEIVE_MULTIPLE, MAX_MULTIPLE, "");
    within(
        "session timeout (clock period x send multiple x receive multiple)",
        (long) clockPeriodMillis * sendMultiple * receiveMultiple,
        MIN_TIMEOUT,
        MAX_TIMEOUT,
        " ms");
  }

  private static void within(String what, long value, int least, int most, String unit) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          "heartbeat: the %s is %d%s; it must be %d to %d%s"
              .formatted(what, value, unit, least, most, unit));
    }
  }

  /** The session timeout that is asked of the servers; what they grant counts. */
  public Duration sessionTimeout() {
    return Duration.ofMillis((long) clockPeriodMillis * sendMultiple * receiveMultiple);
  }

  /** Time from one renewal to the next under the session timeout that was granted. */
  Duration renewalInterval(Duration granted) {
    return granted.dividedBy(receiveMultiple);
  }

  /** As in {@code 500 ms x 3, 6}. */
  @Override
  public String toString() {
    return "%d ms x %d, %d".formatted(clockPeriodMillis, sendMultiple, receiveMultiple);
  }
}
