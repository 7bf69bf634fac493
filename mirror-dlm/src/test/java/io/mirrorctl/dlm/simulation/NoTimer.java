package io.mirrorctl.dlm.simulation;

import java.util.concurrent.Callable;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Says that a node of a simulation starts things later by its loop. Has no thread. */
final class NoTimer extends ScheduledThreadPoolExecutor {
  private final String node;

  NoTimer(String node) {
    super(0);
    this.node = node;
  }

  private UnsupportedOperationException refusal() {
    return new UnsupportedOperationException(
        "node %s: in a simulation things are started later by Loop.after".formatted(node));
  }

  @Override
  public ScheduledFuture<?> schedule(Runnable task, long delay, TimeUnit unit) {
    throw refusal();
  }

  @Override
  public <V> ScheduledFuture<V> schedule(Callable<V> task, long delay, TimeUnit unit) {
    throw refusal();
  }

  @Override
  public ScheduledFuture<?> scheduleAtFixedRate(
      Runnable task, long initialDelay, long period, TimeUnit unit) {
    throw refusal();
  }

  @Override
  public ScheduledFuture<?> scheduleWithFixedDelay(
      Runnable task, long initialDelay, long delay, TimeUnit unit) {
    throw refusal();
  }
}
