package io.mirrorctl.cli.daemon;

import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Tells everybody who listens what happens. Telling never waits: a listener that is too slow loses
 * events, and is told how many.
 */
final class EventFeed {
  private static final int MOST_WAITING = 4096;

  private final InstantSource clock;
  private final List<Subscription> subscriptions = new CopyOnWriteArrayList<>();

  EventFeed(InstantSource clock) {
    this.clock = clock;
  }

  void tell(NodeEvent event) {
    subscriptions.forEach(subscription -> subscription.offer(event));
  }

  InstantSource clock() {
    return clock;
  }

  Subscription subscribe() {
    Subscription subscription = new Subscription();
    subscriptions.add(subscription);
    return subscription;
  }

  /** Events from the moment it was made to the moment it is closed. */
  final class Subscription implements AutoCloseable {
    private final BlockingQueue<NodeEvent> waiting = new ArrayBlockingQueue<>(MOST_WAITING);
    private final AtomicLong lost = new AtomicLong();

    private void offer(NodeEvent event) {
      if (!waiting.offer(event)) {
        lost.incrementAndGet();
      }
    }

    /** The next event, waited for at most so long. */
    Optional<NodeEvent> next(long millis) throws InterruptedException {
      NodeEvent event = waiting.poll();
      if (event == null && lost.get() > 0) {
        return Optional.of(NodeEvent.lost(clock.instant(), lost.getAndSet(0)));
      }
      return Optional.ofNullable(
          event != null ? event : waiting.poll(millis, TimeUnit.MILLISECONDS));
    }

    @Override
    public void close() {
      subscriptions.remove(this);
    }
  }
}
