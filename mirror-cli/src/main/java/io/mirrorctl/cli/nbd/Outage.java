package io.mirrorctl.cli.nbd;

import com.google.common.base.Ticker;
import io.mirrorctl.cli.nbd.NbdRequest.Failure;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/**
 * The time in which a server is of no use: since when, what went wrong last, and whether the
 * requests that wait for it have been given up.
 *
 * <p>A server that can be connected to and then answers nothing is of no use either, so an outage
 * may last over several sessions.
 *
 * <p>Threading: none of its own, its owner's lock guards it.
 */
final class Outage {
  private final Ticker ticker;
  private final Duration limit;

  private long sinceNanos;
  private IOException trouble;
  private Failure verdict;

  /**
   * @param limit how long requests wait
   */
  Outage(Ticker ticker, Duration limit) {
    this.ticker = ticker;
    this.limit = limit;
  }

  /**
   * A session has ended.
   *
   * @param ofUse whether this is a new outage, and not the old one going on
   * @param left the requests it has not answered
   */
  void sessionEnded(boolean ofUse, List<NbdRequest> left, IOException why) {
    trouble = why;
    long now = ticker.read();
    if (ofUse) {
      sinceNanos = now;
    }
    for (NbdRequest request : left) {
      request.lost(now);
      // one under which every session breaks has waited since the first of them
      if (request.lostAtNanos() - sinceNanos < 0) {
        sinceNanos = request.lostAtNanos();
      }
    }
  }

  /**
   * An attempt to connect has failed.
   *
   * @param hadFullTime false if it may just have been cut short by the end of the limit
   * @return whether that is something new
   */
  boolean attemptFailed(IOException why, boolean hadFullTime) {
    boolean news = !words(why).equals(words(trouble));
    if (hadFullTime || DeviceException.kindOf(why) != IoFailure.TIMEOUT) {
      trouble = why;
    }
    return news;
  }

  /** There is a session again; whether it is of use will be seen. */
  void connected() {
    verdict = null;
  }

  /** Why requests fail; null while they wait. */
  Failure verdict() {
    return verdict;
  }

  /** Whether requests have waited long enough now, for the first time since {@link #connected}. */
  boolean givesUp() {
    if (verdict != null || !deadline().over()) {
      return false;
    }
    boolean silent = DeviceException.kindOf(trouble) == IoFailure.TIMEOUT;
    verdict =
        new Failure(
            silent ? IoFailure.TIMEOUT : IoFailure.GONE,
            "no working connection for %.1f s: %s"
                .formatted(limit.toMillis() / 1e3, words(trouble)),
            trouble);
    return true;
  }

  /** There is no point in waiting. */
  void giveUp(Failure why) {
    verdict = why;
  }

  /** When the requests that wait now are given up. */
  Deadline deadline() {
    return new Deadline(ticker, sinceNanos + limit.toNanos());
  }

  /** What went wrong last. */
  String words() {
    return trouble == null ? "" : words(trouble);
  }

  /** What went wrong, for people. */
  static String words(IOException e) {
    if (e instanceof ProtocolViolation) {
      return "the server breaks the NBD protocol: " + e.getMessage();
    }
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }
}
