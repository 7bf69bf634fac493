package io.mirrorctl.dlm.simulation;

import com.google.common.base.Ticker;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.env.Loop;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;

/**
 * A process of the simulation: its loop, its clock and its connection, and what may happen to them.
 *
 * <p>Its clock starts anywhere and may run fast or slow ({@link #drift}); timers go by it.
 */
public final class SimulatedNode {
  private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");
  private static final long MILLION = 1_000_000;

  private enum Life {
    RUNNING,
    PAUSED,
    KILLED
  }

  private final Simulation simulation;
  private final String name;
  private final SimulatedLoop loop;
  private final Env env;
  private final List<Runnable> onResume = new ArrayList<>();
  private final List<Runnable> onFate = new ArrayList<>();
  private Life life = Life.RUNNING;
  private boolean stalled;
  private boolean connected = true;
  private long clockAt;
  private long clockReads;
  private long partsPerMillion;
  private Duration wallAhead = Duration.ZERO;

  SimulatedNode(Simulation simulation, String name) {
    this.simulation = simulation;
    this.name = name;
    this.clockAt = simulation.nanos();
    this.clockReads = simulation.random().nextLong() >> 4;
    this.loop = new SimulatedLoop(this, simulation);
    long firstTick = clockReads;
    Ticker ticker =
        new Ticker() {
          @Override
          public long read() {
            return ticks();
          }
        };
    InstantSource wall = () -> START.plusNanos(ticks() - firstTick).plus(wallAhead);
    this.env = new Env(ticker, wall, simulation.random().split(), loop, new NoTimer(name));
  }

  public String name() {
    return name;
  }

  /** Where everything of this node runs. */
  public Loop loop() {
    return loop;
  }

  /** The node's clocks and chance. Its {@code io} is the loop; its {@code timer} refuses. */
  public Env env() {
    return env;
  }

  /**
   * Stops the process (SIGSTOP): nothing of it runs while time goes on, and the servers hear
   * nothing of it. What comes in meanwhile is found at {@link #resume}.
   */
  public void pause() {
    if (life == Life.RUNNING) {
      life = Life.PAUSED;
      tellFate();
    }
  }

  /** Lets a paused process go on. */
  public void resume() {
    if (life == Life.PAUSED) {
      life = Life.RUNNING;
      List<Runnable> deferred = List.copyOf(onResume);
      onResume.clear();
      deferred.forEach(Runnable::run);
      tellFate();
      loop.wake();
    }
  }

  /** The loop alone stands still, as in a task that hangs: the node's sessions live on. */
  public void stall() {
    stalled = true;
  }

  /** Ends {@link #stall}. */
  public void unstall() {
    stalled = false;
    loop.wake();
  }

  /** Nothing of this node runs from here on. What it has sent may still arrive. */
  public void kill() {
    if (life != Life.KILLED) {
      life = Life.KILLED;
      loop.close();
      tellFate();
    }
  }

  /** Cuts the node off from the servers, without its being told. */
  public void cut() {
    if (connected) {
      connected = false;
      tellFate();
    }
  }

  /** Ends {@link #cut}. */
  public void restore() {
    if (!connected) {
      connected = true;
      tellFate();
    }
  }

  /** From here on the node's clock gains so many microseconds in each true second. */
  public void drift(int partsPerMillion) {
    clockReads = ticks();
    clockAt = simulation.nanos();
    this.partsPerMillion = partsPerMillion;
  }

  /** Sets the wall clock forward, or back if negative. */
  public void jumpWallClock(Duration by) {
    wallAhead = wallAhead.plus(by);
  }

  public boolean isKilled() {
    return life == Life.KILLED;
  }

  /** Neither paused nor killed. */
  public boolean isRunning() {
    return life == Life.RUNNING;
  }

  public boolean isConnected() {
    return connected;
  }

  boolean loopMayRun() {
    return life == Life.RUNNING && !stalled;
  }

  /** Told when the process or its connection changes. */
  void onFate(Runnable listener) {
    onFate.add(listener);
  }

  /** What a thread of the process other than the loop does: now, or on waking up, or never. */
  void inProcess(Runnable task) {
    switch (life) {
      case RUNNING -> task.run();
      case PAUSED -> onResume.add(task);
      case KILLED -> {}
    }
  }

  /** True nanoseconds until this node's clock has gone on by so much. */
  long trueNanos(Duration delay) {
    long nanos = delay.toNanos();
    return nanos - Math.floorDiv(nanos * partsPerMillion, MILLION + partsPerMillion);
  }

  private void tellFate() {
    List.copyOf(onFate).forEach(Runnable::run);
  }

  private long ticks() {
    long passed = simulation.nanos() - clockAt;
    return clockReads + passed + passed * partsPerMillion / MILLION;
  }

  @Override
  public String toString() {
    return name;
  }
}
