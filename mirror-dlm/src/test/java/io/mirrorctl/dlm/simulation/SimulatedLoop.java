package io.mirrorctl.dlm.simulation;

import io.mirrorctl.core.env.Loop;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;

/** A node's loop; every task takes a little virtual time, so that nodes interleave. */
final class SimulatedLoop implements Loop {
  private static final long LONGEST_TASK = 20_000;

  private final SimulatedNode node;
  private final Simulation simulation;
  private final Deque<Runnable> tasks = new ArrayDeque<>();
  private boolean awake;
  private boolean closed;
  private boolean current;

  SimulatedLoop(SimulatedNode node, Simulation simulation) {
    this.node = node;
    this.simulation = simulation;
  }

  @Override
  public void execute(Runnable task) {
    if (!closed) {
      tasks.add(task);
      wake();
    }
  }

  void wake() {
    if (!awake && node.loopMayRun() && !tasks.isEmpty()) {
      awake = true;
      simulation.afterNanos(simulation.between(0, LONGEST_TASK), this::runOne);
    }
  }

  private void runOne() {
    awake = false;
    if (node.loopMayRun() && !tasks.isEmpty()) {
      Runnable task = tasks.remove();
      current = true;
      try {
        task.run();
      } catch (RuntimeException | Error e) {
        throw new Simulation.Broken("%s, node %s: %s".formatted(simulation, node, e), e);
      } finally {
        current = false;
      }
      wake();
    }
  }

  @Override
  public Timer after(Duration delay, Runnable task) {
    var timer = new SimulatedTimer();
    simulation.afterNanos(
        node.trueNanos(delay),
        () ->
            execute(() -> {
              if (!timer.cancelled) {
                task.run();
              }
            }));
    return timer;
  }

  private static final class SimulatedTimer implements Timer {
    private boolean cancelled;

    @Override
    public void cancel() {
      cancelled = true;
    }
  }

  @Override
  public boolean isCurrent() {
    return current;
  }

  /** What came in before still runs, unless the node was killed. */
  @Override
  public void close() {
    closed = true;
    if (node.isKilled()) {
      tasks.clear();
    }
  }
}
