package io.mirrorctl.core.resync;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.array.ClusterPort;
import io.mirrorctl.core.array.Mismatch;
import io.mirrorctl.core.array.Scrubbing;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/** One check or repair of the whole array. */
final class ScrubAction implements SyncThread.Action {
  private final Scrubbing scrubbing;
  private final Scrubbing.Correction correction;
  private final Pace pace;
  private final SyncThread thread;
  private final Env env;
  private final List<Mismatch> found = new ArrayList<>();
  private volatile long position;
  private final AtomicLong mismatchSectors = new AtomicLong();

  ScrubAction(
      Scrubbing scrubbing, Scrubbing.Correction correction, Pace pace, SyncThread thread, Env env) {
    this.scrubbing = scrubbing;
    this.correction = correction;
    this.pace = pace;
    this.thread = thread;
    this.env = env;
  }

  String name() {
    return correction instanceof Scrubbing.Correction.Off ? "check" : "repair";
  }

  @Override
  public SyncProgress progress(boolean paused) {
    return new SyncProgress(
        name(),
        position,
        scrubbing.sizeSectors(),
        pace.bytesPerSecond(),
        paused,
        mismatchSectors.get());
  }

  /** Goes on from where it was; empty if it made way for copying and has to be run again. */
  Optional<ScrubReport> run(ClusterPort.Permit permit) throws IOException, InterruptedException {
    Windows windows = thread.windows(permit, scrubbing::ahead);
    try {
      return check(permit, windows);
    } finally {
      windows.leave();
    }
  }

  private Optional<ScrubReport> check(ClusterPort.Permit permit, Windows windows)
      throws IOException, InterruptedException {
    for (List<SectorRange> next = batch(); !next.isEmpty(); next = batch()) {
      List<SectorRange> batch = windows.enter(next);
      Side.bySide(batch, range -> scrubbing.check(range, correction), env)
          .forEach(mismatches -> mismatches.forEach(this::add));
      position = Math.min(batch.getLast().end(), scrubbing.sizeSectors());
      long rest =
          pace.restAfter(SyncThread.sectors(batch) * SectorRange.SECTOR_BYTES, thread.speed());
      if (!thread.rest(windows.rest(rest, position), true, permit)) {
        return Optional.of(report(false));
      }
      if (thread.isCopyWaiting() || permit.isWanted() || thread.makesWay()) {
        return Optional.empty();
      }
    }
    return Optional.of(report(true));
  }

  private ScrubReport report(boolean complete) {
    return new ScrubReport(
        name(), complete, position, mismatchSectors.get(), ImmutableList.copyOf(found));
  }

  private List<SectorRange> batch() {
    List<SectorRange> batch = new ArrayList<>();
    SectorRange next = scrubbing.next(position);
    while (!next.isEmpty() && batch.size() < SyncThread.PARALLEL) {
      batch.add(next);
      next = scrubbing.next(next.end());
    }
    return batch;
  }

  private void add(Mismatch mismatch) {
    mismatchSectors.addAndGet(mismatch.range().length());
    Mismatch last = found.isEmpty() ? null : found.getLast();
    if (last != null
        && last.range().end() == mismatch.range().start()
        && last.groups().equals(mismatch.groups())) {
      found.set(
          found.size() - 1,
          new Mismatch(
              new SectorRange(last.range().start(), mismatch.range().end()), last.groups()));
    } else if (found.size() < ScrubReport.MOST_RANGES) {
      found.add(mismatch);
    }
  }
}
