package io.mirrorctl.cli.daemon;

import com.google.common.base.Ticker;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/**
 * How many requests are under way, and for how long the oldest has been. A request costs two counts
 * and no lock: it belongs to the generation in which it began. There are two, and a new one begins
 * only when nothing of the one before the last is under way; so the oldest request is at least as
 * old as the newer generation.
 *
 * <p>Threading: any thread.
 */
final class UnderWay {
  private final Ticker ticker;
  private final LongAdder[] begun = {new LongAdder(), new LongAdder()};
  private final LongAdder[] ended = {new LongAdder(), new LongAdder()};
  private volatile int newer;

  /** When the newer generation began; guarded by this. */
  private long since;

  UnderWay(Ticker ticker) {
    this.ticker = ticker;
    this.since = ticker.read();
  }

  /**
   * What is under way.
   *
   * @param requests how many
   * @param atLeastMillis how long the first of them has been
   */
  record Oldest(long requests, long atLeastMillis) {}

  /** A request begins; what this returns is to be given to {@link #end}. */
  int begin() {
    int generation = newer;
    begun[generation].increment();
    return generation;
  }

  void end(int generation) {
    ended[generation].increment();
  }

  /** To be called now and then: ages are known as finely as the time between two calls. */
  synchronized void turn() {
    int older = 1 - newer;
    if (count(older) == 0) {
      since = ticker.read();
      newer = older;
    }
  }

  /** Empty if nothing is under way. */
  synchronized Optional<Oldest> oldest() {
    long old = count(1 - newer);
    long all = old + count(newer);
    if (all == 0) {
      return Optional.empty();
    }
    long nanos = old == 0 ? 0 : ticker.read() - since;
    return Optional.of(new Oldest(all, TimeUnit.NANOSECONDS.toMillis(nanos)));
  }

  /** Never less than there are: what ended is read first. */
  private long count(int generation) {
    long over = ended[generation].sum();
    return begun[generation].sum() - over;
  }
}
