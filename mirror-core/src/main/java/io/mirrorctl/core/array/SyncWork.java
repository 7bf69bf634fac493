package io.mirrorctl.core.array;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.bitmap.WriteIntentBitmap;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Invariant;
import io.mirrorctl.core.format.BitmapGeometry;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * What has to be copied between the members of an array, and the copying of one range at a time.
 * When and how fast is the resync package's business.
 *
 * <p>One pass serves all: a chunk in which in-sync members may differ is copied to every member
 * that receives writes; members being recovered get everything above their recovery_offset, or,
 * after a re-add by bitmap, only such chunks.
 *
 * <p>Threading: one thread at a time makes passes; {@link #wake} and {@link #isIdle} are for any.
 */
public final class SyncWork {

  /** What a pass is for. */
  public enum Action {
    /** In-sync members are made equal. */
    RESYNC,
    /** Members are filled. */
    RECOVERY
  }

  private final Membership membership;
  private final MemberWrites writes;
  private final RangeCopy copy;
  private final SlotStorage storage;
  private final Supplier<WriteIntentBitmap> bitmap;
  private final ClusterPort cluster;
  private final long unitSectors;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition passEnded = lock.newCondition();
  private volatile Runnable waker = () -> {};

  /** So many want that no pass is under way; changed under the lock. */
  private final AtomicInteger holds = new AtomicInteger();

  /** Guarded by the lock. */
  private boolean passing;

  /**
   * @param unit bytes in the members' largest sector
   */
  SyncWork(
      Membership membership,
      MemberWrites writes,
      RangeCopy copy,
      SlotStorage storage,
      Supplier<WriteIntentBitmap> bitmap,
      ClusterPort cluster,
      int unit) {
    this.membership = membership;
    this.writes = writes;
    this.copy = copy;
    this.storage = storage;
    this.bitmap = bitmap;
    this.cluster = cluster;
    this.unitSectors = Math.max(1, unit / SectorRange.SECTOR_BYTES);
  }

  /** Called whenever there may be new work. */
  public void onWork(Runnable wake) {
    waker = wake;
  }

  void wake() {
    waker.run();
  }

  /** Whether all members are equal and none is being filled. */
  public boolean isIdle() {
    MemberSet set = membership.current();
    boolean recovering = set.legs().stream().anyMatch(Leg::isRecovering);
    return !recovering && (bitmap.get().neededChunks() == 0 || set.inSync().size() < 2);
  }

  /**
   * Begins a pass over the array as it is now; empty if there is nothing to do, or not now. Its
   * user calls {@link Pass#finish} or {@link Pass#abort} at the end.
   *
   * @throws IOException if the loss of a member cannot be recorded: until then nothing is copied
   */
  public Optional<Pass> begin() throws IOException {
    membership.awaitSettled();
    long losses = membership.losses();
    long deaths = cluster.deaths();
    MemberSet set = membership.current();
    List<Leg> recovering = set.legs().stream().filter(Leg::isRecovering).toList();
    boolean tooEarly = deaths < 0 && !recovering.isEmpty(); // bits of the dead are not here yet
    if ((recovering.isEmpty() && isIdle()) || tooEarly || !take()) {
      return Optional.empty();
    }
    boolean begun = false;
    try {
      if (!recovering.isEmpty()) {
        gather();
      }
      begun = true;
      return Optional.of(new Pass(set, losses, deaths, recovering));
    } finally {
      if (!begun) {
        release();
      }
    }
  }

  /**
   * Whoever fills a member copies what any node may have written without it or left half written:
   * all bits of all slots (trap T9).
   */
  private void gather() throws IOException {
    WriteIntentBitmap own = bitmap.get();
    if (!cluster.isShared()) {
      storage.writeVacantSlots(own.header());
    } else {
      for (int slot = 0; slot < own.header().slots(); slot++) {
        if (slot != cluster.slot()) { // also of those who are about to come or go
          storage.load(slot, own);
        }
      }
      storage.keepEventsCleared(own);
      own.markDirtyNeeded();
    }
    own.rewriteAll();
  }

  private boolean take() {
    lock.lock();
    try {
      passing = holds.get() == 0;
      return passing;
    } finally {
      lock.unlock();
    }
  }

  private void release() {
    lock.lock();
    try {
      passing = false;
      passEnded.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Whether somebody waits for the pass to end, which is not current any more. */
  public boolean isHeld() {
    return holds.get() > 0;
  }

  /** Keeps passes from going on until it is closed; returns when none is under way. */
  Hold hold() {
    lock.lock();
    try {
      holds.incrementAndGet();
      wake();
      while (passing) {
        passEnded.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
    return () -> {
      lock.lock();
      try {
        holds.decrementAndGet();
      } finally {
        lock.unlock();
      }
      wake();
    };
  }

  /** Given back by closing. */
  interface Hold extends AutoCloseable {
    @Override
    void close();
  }

  /** One way through the array, from its start to its end. */
  public final class Pass {
    private final MemberSet set;
    private final long losses;
    private final long deaths;
    private final List<Leg> filling;
    private final long fillFrom;
    private final long sizeSectors;
    private long openChunk = -1;
    private boolean openNeeded;

    private Pass(MemberSet set, long losses, long deaths, List<Leg> recovering) {
      this.set = set;
      this.losses = losses;
      this.deaths = deaths;
      this.filling = recovering.stream().filter(leg -> !recoveryOf(leg).byBitmap()).toList();
      this.fillFrom =
          filling.stream()
              .mapToLong(leg -> recoveryOf(leg).recoveryOffset())
              .min()
              .orElse(Long.MAX_VALUE);
      this.sizeSectors = set.sizeSectors();
    }

    public Action action() {
      return set.legs().stream().anyMatch(Leg::isRecovering) ? Action.RECOVERY : Action.RESYNC;
    }

    /** Sectors that are to be copied from here on, as far as is known now. */
    public long remainingSectors(long from) {
      long chunkSectors = geometry().chunkSectors();
      long fill = Math.max(0, sizeSectors - Math.max(from, fillFrom));
      return Math.min(sizeSectors, Math.max(fill, bitmap.get().neededChunks() * chunkSectors));
    }

    /**
     * The next range at or behind {@code from} that has to be copied: inside one read unit and one
     * chunk, widened to whole sectors of the members. Chunks that were left behind are closed by
     * this.
     */
    public Optional<SectorRange> next(long from) {
      WriteIntentBitmap bits = bitmap.get();
      long at = from;
      if (openChunk >= 0 && at >= geometry().chunkRange(openChunk).end()) {
        closeChunk(true);
      }
      if (at >= sizeSectors) {
        return Optional.empty();
      }
      long chunk = at / geometry().chunkSectors();
      if (chunk != openChunk) {
        openNeeded = bits.startSync(chunk);
        openChunk = chunk;
      }
      if (!openNeeded) {
        at = firstWanted(chunk, at);
        if (at < 0) {
          closeChunk(true);
          return Optional.empty();
        }
        if (at / geometry().chunkSectors() != chunk) {
          closeChunk(true);
          return next(at);
        }
      }
      return Optional.of(widened(at, endOfRange(at)));
    }

    private long endOfRange(long at) {
      long readUnit = ReadPolicy.UNIT_BYTES / SectorRange.SECTOR_BYTES;
      long chunkEnd = geometry().chunkRange(at / geometry().chunkSectors()).end();
      return Math.min((at / readUnit + 1) * readUnit, chunkEnd);
    }

    private SectorRange widened(long start, long end) {
      return new SectorRange(
          start / unitSectors * unitSectors, Math.ceilDiv(end, unitSectors) * unitSectors);
    }

    /**
     * The first sectors at or behind {@code from} that have to be copied, as far as is known now,
     * adjoining: so many, up to the end of the range that {@link #next} would give there, or fewer.
     */
    public Optional<SectorRange> ahead(long from, long sectors) {
      long start = firstAhead(from);
      if (start >= sizeSectors) {
        return Optional.empty();
      }
      long end = start;
      while (end < sizeSectors && end - start < sectors && isToCopy(end)) {
        end = endOfRange(end);
      }
      return Optional.of(widened(start, end));
    }

    private long firstAhead(long from) {
      if (from >= sizeSectors || isToCopy(from)) {
        return from;
      }
      long first = firstWanted(from / geometry().chunkSectors(), from);
      return first < 0 ? sizeSectors : first;
    }

    private boolean isToCopy(long sector) {
      long chunk = sector / geometry().chunkSectors();
      return sector >= fillFrom
          || (chunk == openChunk
              ? openNeeded
              : bitmap.get().isAnyNeeded(geometry().chunkRange(chunk)));
    }

    /** Whether this range is the last of its chunk: what follows belongs to another batch. */
    public boolean endsChunk(SectorRange range) {
      return range.end() >= geometry().chunkRange(openChunk).end();
    }

    /** First sector from here that is to be copied if the open chunk is clean; -1 if none. */
    private long firstWanted(long chunk, long at) {
      OptionalLong needed = bitmap.get().nextNeeded(chunk + 1);
      long byBitmap =
          needed.isEmpty() ? Long.MAX_VALUE : geometry().chunkRange(needed.getAsLong()).start();
      long byOffset = fillFrom == Long.MAX_VALUE ? Long.MAX_VALUE : Math.max(at, fillFrom);
      long first = Math.min(byBitmap, byOffset);
      return first >= sizeSectors ? -1 : first;
    }

    /**
     * Copies one range that {@link #next} gave.
     *
     * @return false if the set of members is another one now and the pass has to begin again
     */
    public boolean copy(SectorRange range) throws IOException {
      boolean dirty = openNeeded;
      boolean done =
          copy.copy(
              range,
              leg ->
                  dirty
                      || (leg.state() instanceof MemberState.Recovering r
                          && !r.byBitmap()
                          && r.recoveryOffset() < range.end()));
      return done && isCurrent();
    }

    /** Whether the members are still those with which the pass began. */
    public boolean isCurrent() {
      return !isHeld() && !membership.isUnsettled() && sameLegs(membership.current());
    }

    /** A member that lost what was written to it is another one, though its state has its name. */
    private boolean sameLegs(MemberSet now) {
      if (now.legs().size() != set.legs().size()
          || now.sizeSectors() != sizeSectors
          || membership.losses() != losses) {
        return false;
      }
      return now.legs().stream()
          .allMatch(leg ->
              set.find(leg.member())
                  .filter(was -> was.state().getClass() == leg.state().getClass())
                  .isPresent());
    }

    /** Whether nothing is left behind this sector: what follows is {@link #finish}. */
    public boolean isAtEnd(long position) {
      return position >= sizeSectors;
    }

    /**
     * Makes known on disk that everything below this sector is copied, which must not be all: a
     * member that says so is in sync after a crash.
     */
    public void checkpoint(long position) throws IOException {
      Invariant.check(!isAtEnd(position), "a checkpoint at the end, sector %d", position);
      if (filling.isEmpty()) {
        return;
      }
      writes.flushReceivers();
      membership.change(now -> sameLegs(now) ? withOffsets(now, position) : now);
    }

    private MemberSet withOffsets(MemberSet now, long position) {
      MemberSet next = now;
      for (Leg leg : filling) {
        if (now.find(leg.member()).orElse(leg).state() instanceof MemberState.Recovering r
            && r.recoveryOffset() < position) {
          next =
              next.with(
                  leg.member(),
                  l -> l.with(new MemberState.Recovering(position, false, r.replacement())));
        }
      }
      return next;
    }

    /**
     * The pass came to the end: what was copied is flushed, and members that were filled are in
     * sync from now on.
     *
     * @return false if another pass is needed, because chunks became dirty or the members changed
     */
    public boolean finish() throws IOException {
      closeChunk(true);
      try {
        return activateIfDone();
      } finally {
        release();
      }
    }

    private boolean activateIfDone() throws IOException {
      writes.flushReceivers();
      List<Member> filled = set.legs().stream().filter(Leg::isRecovering).map(Leg::member).toList();
      if (filled.isEmpty()) {
        return bitmap.get().neededChunks() == 0;
      }
      boolean[] activated = {false};
      membership.change(now -> {
        activated[0] =
            sameLegs(now)
                && bitmap.get().neededChunks() == 0
                && cluster.deaths() == deaths; // else bits came up that were not copied
        return activated[0] ? activate(now, filled) : now;
      });
      return activated[0];
    }

    /** The pass ends before its time; the open chunk stays needed. */
    public void abort() {
      closeChunk(false);
      release();
    }

    /**
     * Leaves the rest of the open chunk out, which stays needed.
     *
     * @return the first sector behind it
     */
    public long skipChunk() {
      long end = geometry().chunkRange(openChunk).end();
      closeChunk(false);
      return end;
    }

    /**
     * A source could not be read and nothing else holds its data: the members being filled cannot
     * become members.
     */
    public void giveUpFilling(IOException cause) throws IOException {
      closeChunk(false);
      membership.change(now -> {
        MemberSet next = now;
        for (Leg leg : now.legs()) {
          if (leg.isRecovering()) {
            next =
                next.with(
                    leg.member(),
                    l -> l.with(new MemberState.Faulty("recovery stopped: " + cause.getMessage())));
          }
        }
        return next;
      });
    }

    private void closeChunk(boolean copied) {
      if (openChunk >= 0) {
        bitmap.get().endSync(openChunk, copied);
        openChunk = -1;
      }
    }

    private BitmapGeometry geometry() {
      return bitmap.get().geometry();
    }
  }

  private static MemberSet activate(MemberSet now, List<Member> filled) {
    List<Leg> legs = new ArrayList<>();
    for (Leg leg : now.legs()) {
      boolean done = leg.isRecovering() && filled.contains(leg.member());
      legs.add(
          isReplaced(leg, now, filled)
              ? leg.with(new MemberState.Faulty("replaced"))
              : done ? leg.with(new MemberState.InSync()) : leg);
    }
    return now.withLegs(ImmutableList.copyOf(legs));
  }

  /** In whatever state: the old member may have lost writes meanwhile and be filled itself. */
  private static boolean isReplaced(Leg leg, MemberSet now, List<Member> filled) {
    return leg.receives()
        && now.legs().stream()
            .anyMatch(other ->
                other.member() != leg.member()
                    && other.role() == leg.role()
                    && filled.contains(other.member())
                    && other.state() instanceof MemberState.Recovering r
                    && r.replacement());
  }

  private static MemberState.Recovering recoveryOf(Leg leg) {
    return (MemberState.Recovering) leg.state();
  }
}
