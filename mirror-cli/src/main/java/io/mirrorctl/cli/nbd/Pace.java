package io.mirrorctl.cli.nbd;

/**
 * Guesses whether a client keeps several requests in flight, from how they arrive. A client that
 * waits for each answer is best served by one thread; calling a second one to the socket for
 * nothing costs more than the rest of a small request.
 *
 * <p>Wrong guesses cost time, never correctness: too many threads called, or a request that waits
 * until the {@link Watch} notices.
 *
 * <p>Threading: used by the thread with the reader role.
 */
final class Pace {
  /** So many lone requests in succession make a client of one request at a time. */
  private static final int LONE_ENOUGH = 16;

  /** So many in succession that lay ready when they were read are hardly chance. */
  private static final int READY_ENOUGH = 8;

  private int lone;
  private int ready;

  /**
   * Tells of a request that was read.
   *
   * @param othersInFlight other requests not answered yet
   * @param moreArrived whether the next one is here already
   * @param arrival how the last read found it
   * @return whether to have another thread read on while this request is executed
   */
  boolean expectMore(int othersInFlight, boolean moreArrived, Line.Arrival arrival) {
    ready =
        switch (arrival) {
          case READY -> ready + 1;
          case AWAITED -> 0;
          case UNKNOWN -> ready;
        };
    if (othersInFlight > 0 || moreArrived || ready >= READY_ENOUGH) {
      lone = 0;
      return true;
    }
    if (lone < LONE_ENOUGH) {
      lone++;
      return true;
    }
    return false;
  }
}
