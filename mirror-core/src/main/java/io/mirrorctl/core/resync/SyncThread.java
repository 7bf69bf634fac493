package io.mirrorctl.core.resync;

import io.mirrorctl.core.array.ArrayEvent;
import io.mirrorctl.core.array.ClusterPort;
import io.mirrorctl.core.array.MirrorArray;
import io.mirrorctl.core.array.Scrubbing;
import io.mirrorctl.core.array.SyncWork;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Keeps the members of one array equal: copies whenever the array says there is work, scrubs when
 * asked, one action at a time, within the speed limits.
 *
 * <p>Threading: one thread of its own; every method may be called from any thread.
 */
public final class SyncThread implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(SyncThread.class.getName());

  /** A failed pass is tried again after this time, or when the members change. */
  private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(30);

  /** So often whoever rests looks whether the permit is wanted. */
  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

  /** There is work that cannot begin yet: looked at again after this time, or when woken. */
  private static final long NOT_YET_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final MirrorArray array;
  private final ClusterPort cluster;
  private final Env env;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final CountDownLatch ended = new CountDownLatch(1);
  private SyncSpeed speed = SyncSpeed.DEFAULT;
  private boolean paused;
  private boolean stopping;
  private boolean woken = true;

  /** The last pass failed; another is due at this time of the ticker. */
  private boolean resting;

  private long retryAt;
  private ScrubRequest requested;
  private boolean scrubCancelled;
  private Action running;

  /** The thread while it waits for other nodes; null else. */
  private Thread waiting;

  /** Something the thread is doing. */
  interface Action {
    SyncProgress progress(boolean paused);
  }

  private record ScrubRequest(ScrubAction action, CompletableFuture<ScrubReport> result) {}

  public SyncThread(MirrorArray array, ClusterPort cluster, Env env) {
    this.array = array;
    this.cluster = cluster;
    this.env = env;
  }

  /** Begins to work. An array that was assembled read-only is left alone. */
  public void start() {
    if (array.isReadOnly()) {
      ended.countDown();
      return;
    }
    array.sync().onWork(this::wake);
    env.io().execute(this::run);
  }

  /** What is going on; empty if nothing is. */
  public Optional<SyncProgress> progress() {
    lock.lock();
    try {
      return Optional.ofNullable(running).map(action -> action.progress(paused));
    } finally {
      lock.unlock();
    }
  }

  /**
   * Whether nothing is going on and nothing is left to do; false while a failed pass is retried.
   */
  public boolean isIdle() {
    lock.lock();
    try {
      return running == null && requested == null && (array.isReadOnly() || isDone());
    } finally {
      lock.unlock();
    }
  }

  private boolean isDone() {
    return array.sync().isIdle();
  }

  public SyncSpeed speed() {
    lock.lock();
    try {
      return speed;
    } finally {
      lock.unlock();
    }
  }

  public void speed(SyncSpeed next) {
    update(() -> speed = next);
  }

  public void pause() {
    update(() -> paused = true);
  }

  public void resume() {
    update(() -> paused = false);
  }

  public boolean isPaused() {
    lock.lock();
    try {
      return paused;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Compares all members, and corrects what differs if asked; begins when nothing is to be copied,
   * and gives way to copying that becomes due meanwhile.
   *
   * @return completes when done, or cancelled by {@link #cancelScrub} with what was found until
   *     then
   */
  public CompletableFuture<ScrubReport> scrub(Scrubbing.Correction correction) throws IOException {
    array.scrubbing().validate(correction);
    Pace pace = new Pace(env, array::clientRequests);
    ScrubAction action = new ScrubAction(array.scrubbing(), correction, pace, this, env);
    ScrubRequest request = new ScrubRequest(action, new CompletableFuture<>());
    lock.lock();
    try {
      if (stopping || ended.getCount() == 0) {
        throw new IOException(array.name() + " is read-only or being stopped");
      }
      if (requested != null) {
        throw new IOException("a check or repair of " + array.name() + " is going on already");
      }
      requested = request;
      scrubCancelled = false;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    return request.result();
  }

  /** Ends a check or repair; does nothing if there is none. */
  public void cancelScrub() {
    update(() -> scrubCancelled = requested != null);
  }

  /** Ends the action at a safe point, keeping how far it came, and the thread. */
  @Override
  public void close() {
    update(() -> {
      stopping = true;
      if (waiting != null) {
        waiting.interrupt();
      }
    });
    boolean interrupted = false;
    while (true) {
      try {
        ended.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void wake() {
    update(() -> woken = true);
  }

  private void update(Runnable change) {
    lock.lock();
    try {
      change.run();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    try {
      while (awaitWork()) {
        work();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "the sync thread of " + array.name() + " ended by a bug", e);
      throw e;
    } finally {
      failRequested();
      ended.countDown();
    }
  }

  private void failRequested() {
    lock.lock();
    try {
      if (requested != null) {
        requested.result().completeExceptionally(new IOException(array.name() + " was stopped"));
        requested = null;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Returns false when the thread is to end. */
  private boolean awaitWork() throws InterruptedException {
    lock.lock();
    try {
      while (!stopping) {
        if (!paused && (isCopyDue() || requested != null)) {
          return true;
        }
        long rest = retryAt - env.ticker().read();
        if (resting && !paused && rest > 0) {
          changed.awaitNanos(rest);
        } else {
          changed.await();
        }
      }
      return false;
    } finally {
      lock.unlock();
    }
  }

  /** Lock held. After a pass that failed only when something has changed, or later. */
  private boolean isCopyDue() {
    boolean tooEarly = resting && !woken && env.ticker().read() < retryAt;
    if (tooEarly || array.sync().isHeld()) {
      return false;
    }
    return woken || !isDone();
  }

  /** Whether a scrub has to make way. */
  boolean isCopyWaiting() {
    lock.lock();
    try {
      return isCopyDue() && !isDone();
    } finally {
      lock.unlock();
    }
  }

  private void work() throws InterruptedException {
    ScrubRequest request;
    boolean copyDue;
    lock.lock();
    try {
      request = requested;
      copyDue = isCopyDue();
      if (copyDue) {
        woken = false;
        resting = false;
      }
    } finally {
      lock.unlock();
    }
    if (request == null && isDone()) {
      return;
    }
    try (ClusterPort.Permit permit = permit()) {
      Optional<SyncWork.Pass> pass = copyDue ? array.sync().begin() : Optional.empty();
      if (pass.isPresent()) {
        copy(new CopyAction(pass.get(), permit, new Pace(env, array::clientRequests), this, env));
      } else if (copyDue && !isDone()) {
        restFor(NOT_YET_NANOS);
      } else if (request != null) {
        scrub(request, permit);
      }
    } catch (IOException e) {
      failed("sync", e);
    }
  }

  /** Waits for other nodes to be done; {@link #close} ends it. */
  private ClusterPort.Permit permit() throws IOException, InterruptedException {
    lock.lock();
    try {
      if (stopping) {
        throw new InterruptedException("stopped");
      }
      waiting = Thread.currentThread();
    } finally {
      lock.unlock();
    }
    try {
      return cluster.beginResync();
    } finally {
      lock.lock();
      try {
        waiting = null;
        var _ = Thread.interrupted(); // whoever stops it shows in the loop
      } finally {
        lock.unlock();
      }
    }
  }

  private void copy(CopyAction action) throws InterruptedException {
    begin(action, action.name());
    String outcome = "interrupted";
    try {
      outcome = action.run() ? "done" : "interrupted";
    } catch (IOException e) {
      outcome = "failed: " + e.getMessage();
      failed(action.name(), e);
    } finally {
      end(action.name(), outcome);
    }
  }

  private void scrub(ScrubRequest request, ClusterPort.Permit permit) throws InterruptedException {
    ScrubAction action = request.action();
    begin(action, action.name());
    String outcome = "interrupted";
    try {
      Optional<ScrubReport> report = action.run(permit);
      if (report.isPresent()) {
        outcome = report.get().complete() ? "done" : "interrupted";
        finished();
        request.result().complete(report.get());
      }
    } catch (IOException e) {
      outcome = "failed: " + e.getMessage();
      finished();
      request.result().completeExceptionally(e);
    } finally {
      end(action.name(), outcome);
    }
  }

  private void finished() {
    update(() -> {
      requested = null;
      scrubCancelled = false;
    });
  }

  private void begin(Action action, String name) {
    update(() -> running = action);
    array.happened(new ArrayEvent.SyncStarted(name));
  }

  private void end(String name, String outcome) {
    update(() -> running = null);
    array.happened(new ArrayEvent.SyncFinished(name, outcome));
  }

  private void failed(String what, IOException cause) {
    LOG.log(Level.WARNING, "{0} of {1} failed: {2}", what, array.name(), cause.getMessage());
    restFor(RETRY_NANOS);
  }

  private void restFor(long nanos) {
    update(() -> {
      resting = true;
      retryAt = env.ticker().read() + nanos;
    });
  }

  /**
   * Rests as long as the pace wants, and as long as the operator paused, unless a repair waits.
   *
   * @return false if the action is to end
   */
  boolean rest(long nanos, boolean scrub, ClusterPort.Permit permit) throws InterruptedException {
    lock.lock();
    try {
      long left = nanos;
      SyncSpeed limits = speed;
      while (!isToEnd(scrub)
          && !array.sync().isHeld()
          && !permit.isWanted()
          && !(paused && cluster.isShared())
          && (paused || (left > 0 && limits.equals(speed)))) {
        if (paused) {
          var _ = changed.awaitNanos(LOOK_NANOS);
        } else {
          left -= LOOK_NANOS - changed.awaitNanos(Math.min(left, LOOK_NANOS));
        }
      }
      return !isToEnd(scrub);
    } finally {
      lock.unlock();
    }
  }

  /** Whoever pauses beside other nodes ends the action: it may not keep them from copying. */
  boolean makesWay() {
    return cluster.isShared() && isPaused();
  }

  private boolean isToEnd(boolean scrub) {
    return stopping || (scrub && scrubCancelled);
  }

  /** Tells other nodes, if there are any, what an action copies. */
  Windows windows(ClusterPort.Permit permit, Windows.Course course) {
    return cluster.isShared() ? new Windows.Announced(permit, course, env) : new Windows.None();
  }

  /** The ranges that are copied or compared side by side. */
  static final int PARALLEL = 4;

  static long sectors(List<SectorRange> ranges) {
    return ranges.stream().mapToLong(SectorRange::length).sum();
  }
}
