package io.mirrorctl.dlm.simulation;

import java.time.Duration;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;

/**
 * Everything that happens to a few nodes, in virtual time, in the caller's thread. The same seed
 * and the same calls give the same run, event by event.
 *
 * <p>What a node's task throws stops the run: the error names the seed, the moment and the node.
 */
public final class Simulation {
  /** More events than any honest run of a test has. */
  private static final long MANY = 20_000_000;

  private record Event(long time, long number, Runnable task) implements Comparable<Event> {
    @Override
    public int compareTo(Event other) {
      int byTime = Long.compare(time, other.time);
      return byTime != 0 ? byTime : Long.compare(number, other.number);
    }
  }

  private final long seed;
  private final SplittableRandom random;
  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private long now;
  private long scheduled;
  private long done;

  public Simulation(long seed) {
    this.seed = seed;
    this.random = new SplittableRandom(seed);
  }

  public long seed() {
    return seed;
  }

  /** The chance of this run; everything that is drawn from it belongs to the seed. */
  public SplittableRandom random() {
    return random;
  }

  /** A new node that runs and is connected. */
  public SimulatedNode node(String name) {
    return new SimulatedNode(this, name);
  }

  /** Virtual nanoseconds since the start of the run: the true time, which no node knows. */
  public long nanos() {
    return now;
  }

  /** Virtual time since the start of the run. */
  public Duration time() {
    return Duration.ofNanos(now);
  }

  /** Something in the world, outside of all nodes, that happens after so much time. */
  public void after(Duration delay, Runnable event) {
    afterNanos(delay.toNanos(), event);
  }

  void afterNanos(long nanos, Runnable event) {
    events.add(new Event(now + Math.max(0, nanos), scheduled++, event));
  }

  void atNanos(long time, Runnable event) {
    afterNanos(time - now, event);
  }

  /** Evenly from {@code least} to below {@code limit}. */
  long between(long least, long limit) {
    return limit <= least ? least : random.nextLong(least, limit);
  }

  /** The next event, if there is one. */
  public boolean step() {
    Event next = events.poll();
    if (next == null) {
      return false;
    }
    now = next.time;
    if (++done > MANY) {
      throw new AssertionError("%s: no end after %d events".formatted(this, MANY));
    }
    try {
      next.task.run();
    } catch (RuntimeException | Error e) {
      throw e instanceof Broken broken ? broken : new Broken("%s: %s".formatted(this, e), e);
    }
    return true;
  }

  /** Goes on for so much virtual time. */
  public void run(Duration time) {
    long end = now + time.toNanos();
    while (!events.isEmpty() && events.peek().time <= end) {
      step();
    }
    now = end;
  }

  /** Goes on until nothing is left to happen. Nodes that renew something for ever never rest. */
  public void runUntilIdle() {
    while (step()) {
      // the next one
    }
  }

  /**
   * Goes on until the condition holds, which is asked after each event.
   *
   * @return false if it did not hold within so much virtual time, or nothing is left to happen
   */
  public boolean runUntil(BooleanSupplier condition, Duration limit) {
    long end = now + limit.toNanos();
    while (!condition.getAsBoolean()) {
      if (events.isEmpty() || events.peek().time > end) {
        return false;
      }
      step();
    }
    return true;
  }

  @Override
  public String toString() {
    return "seed %d at %d.%06d s".formatted(seed, now / 1_000_000_000, now / 1000 % 1_000_000);
  }

  /** A bug that a run has found. */
  public static final class Broken extends AssertionError {
    private static final long serialVersionUID = 1;

    Broken(String message, Throwable cause) {
      super(message, cause);
    }
  }
}
