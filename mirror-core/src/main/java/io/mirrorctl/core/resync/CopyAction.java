package io.mirrorctl.core.resync;

import io.mirrorctl.core.array.ClusterPort;
import io.mirrorctl.core.array.SyncWork;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** One pass of resync or recovery. */
final class CopyAction implements SyncThread.Action {
  private static final long CHECKPOINT_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
  private static final int CHECKPOINTS_PER_PASS = 16;

  private final SyncWork.Pass pass;
  private final ClusterPort.Permit permit;
  private final Windows windows;
  private final Pace pace;
  private final SyncThread thread;
  private final Env env;
  private final long total;
  private volatile long position;
  private long batchBytes;
  private DeviceException unreadable;
  private int skipped;

  CopyAction(SyncWork.Pass pass, ClusterPort.Permit permit, Pace pace, SyncThread thread, Env env) {
    this.pass = pass;
    this.permit = permit;
    this.windows = thread.windows(permit, pass::ahead);
    this.pace = pace;
    this.thread = thread;
    this.env = env;
    this.total = pass.remainingSectors(0);
  }

  String name() {
    return pass.action().name().toLowerCase(Locale.ROOT);
  }

  @Override
  public SyncProgress progress(boolean paused) {
    long left = Math.min(total, pass.remainingSectors(position));
    return new SyncProgress(name(), total - left, total, pace.bytesPerSecond(), paused, 0);
  }

  /**
   * Whether everything is copied; if not, another pass is due.
   *
   * @throws IOException also if some chunks could not be read and the rest is done
   */
  boolean run() throws IOException, InterruptedException {
    boolean open = true;
    try {
      long checkpoint = 0;
      long checkpointAt = env.ticker().read();
      for (List<SectorRange> batch = batch(0); !batch.isEmpty(); batch = batch(position)) {
        if (!copy(batch)) {
          return false;
        }
        long rest = pace.restAfter(batchBytes, thread.speed());
        rest = windows.rest(rest, position);
        boolean goOn = thread.rest(rest, false, permit) && !thread.makesWay();
        long now = env.ticker().read();
        boolean far = position - checkpoint > total / CHECKPOINTS_PER_PASS;
        boolean givesWay = permit.isWanted();
        boolean due = !goOn || givesWay || now - checkpointAt > (far ? SECOND : CHECKPOINT_NANOS);
        if (due && !pass.isAtEnd(position)) {
          pass.checkpoint(position);
          checkpoint = position;
          checkpointAt = now;
        }
        if (!goOn || !pass.isCurrent() || givesWay) {
          return false;
        }
      }
      windows.leave();
      open = false;
      return finish();
    } finally {
      if (open) {
        pass.abort();
      }
      windows.leave();
    }
  }

  private boolean finish() throws IOException {
    boolean done = pass.finish();
    if (unreadable != null) {
      throw new DeviceException(
          IoFailure.MEDIUM,
          "%d chunks could not be read, the first: %s".formatted(skipped, unreadable.getMessage()),
          unreadable);
    }
    return done;
  }

  private boolean copy(List<SectorRange> ranges) throws IOException {
    List<SectorRange> batch = windows.enter(ranges);
    batchBytes = SyncThread.sectors(batch) * SectorRange.SECTOR_BYTES;
    try {
      boolean done = Side.bySide(batch, pass::copy, env).stream().allMatch(each -> each);
      position = batch.getLast().end();
      return done;
    } catch (DeviceException e) {
      if (e.failure() != IoFailure.MEDIUM) {
        throw e;
      }
      if (pass.action() == SyncWork.Action.RECOVERY) {
        pass.giveUpFilling(e);
        throw e;
      }
      unreadable = unreadable == null ? e : unreadable;
      skipped++;
      position = pass.skipChunk();
      return pass.isCurrent();
    }
  }

  /** The next ranges, adjoining, of one chunk. */
  private List<SectorRange> batch(long from) {
    List<SectorRange> batch = new ArrayList<>();
    Optional<SectorRange> next = pass.next(from);
    while (next.isPresent() && (batch.isEmpty() || batch.getLast().end() == next.get().start())) {
      batch.add(next.get());
      if (batch.size() == SyncThread.PARALLEL || pass.endsChunk(next.get())) {
        break;
      }
      next = pass.next(next.get().end());
    }
    return batch;
  }
}
