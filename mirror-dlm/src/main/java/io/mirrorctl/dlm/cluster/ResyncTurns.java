package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.array.ClusterPort.Permit;
import io.mirrorctl.core.array.ClusterPort.Window;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.dlm.lock.Lock;
import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.LockOutcome;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.message.BroadcastChannel;
import io.mirrorctl.dlm.message.ClusterMessage;
import io.mirrorctl.dlm.message.ClusterMessage.ResyncFinished;
import io.mirrorctl.dlm.message.ClusterMessage.Resyncing;
import io.mirrorctl.dlm.message.Delivery;
import io.mirrorctl.dlm.message.ResyncWindows;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This node's turns as the one that copies between members, and all know what is being copied
 * (decision D9). A resync holds the lock {@code resync} PW, a repair of a read error EX: so who
 * resyncs is told, by the mode that its lock holds up, when a repair waits.
 *
 * <p>Threading: any thread but the loop's.
 */
final class ResyncTurns {
  private static final Logger LOG = LoggerFactory.getLogger(ResyncTurns.class);
  private static final String RESOURCE = "resync";

  /** Of a window: 1 GiB, so that a granule of its mask is not more than 4 MiB. */
  private static final long MOST_SECTORS = (1L << 30) / SectorRange.SECTOR_BYTES;

  private enum Kind {
    RESYNC(LockMode.PW),
    REPAIR(LockMode.EX);

    private final LockMode mode;

    Kind(LockMode mode) {
      this.mode = mode;
    }
  }

  private final Slots slots;
  private final BroadcastChannel channel;
  private final Lock lock;

  /** From NL all ask by conversions, which are served in their order and before new requests. */
  private final CompletableFuture<LockOutcome> first;

  /** What follows is guarded by it. */
  private final ReentrantLock local = new ReentrantLock();

  private final Condition changed = local.newCondition();
  private boolean taken;
  private boolean resyncWaits;
  private boolean stopped;

  /** Repairs of this node that wait for their turn. */
  private final AtomicInteger repairs = new AtomicInteger();

  /** A repair of another node waits. */
  private volatile boolean wanted;

  ResyncTurns(Lockspace lockspace, Slots slots, BroadcastChannel channel) {
    this.slots = slots;
    this.channel = channel;
    this.lock = lockspace.lock(RESOURCE, mode -> wanted |= mode == LockMode.EX);
    this.first = lock.convert(LockMode.NL);
  }

  /** Waits for a turn to resync, recover or scrub; repairs of this node go first. */
  Permit resync() throws IOException, InterruptedException {
    Optional<Permit> permit = Optional.empty();
    while (permit.isEmpty()) {
      local.lockInterruptibly();
      try {
        while (!stopped && (taken || repairs.get() > 0)) {
          changed.await();
        }
        take();
      } finally {
        local.unlock();
      }
      permit = ask(Kind.RESYNC);
    }
    return permit.get();
  }

  /** Waits for a turn to repair. */
  Permit repair() throws IOException, InterruptedException {
    local.lockInterruptibly();
    try {
      repairs.incrementAndGet();
      try {
        if (resyncWaits) {
          lock.cancel();
        }
        while (!stopped && taken) {
          changed.await();
        }
        take();
      } finally {
        repairs.decrementAndGet();
        changed.signalAll();
      }
    } finally {
      local.unlock();
    }
    return ask(Kind.REPAIR).orElseThrow(() -> new IOException("the array is being stopped"));
  }

  /** Lock held. */
  private void take() throws IOException {
    if (stopped) {
      throw new IOException("the array is being stopped");
    }
    taken = true;
  }

  /** Empty if it was taken back. */
  private Optional<Permit> ask(Kind kind) throws IOException, InterruptedException {
    boolean begun = false;
    try {
      LockOutcome _ = Await.interruptibly(first, "waiting to copy");
      CompletableFuture<LockOutcome> asked = request(kind);
      try {
        LockOutcome outcome = Await.interruptibly(asked, "waiting to copy");
        begun = outcome instanceof LockOutcome.Granted;
        if (begun) {
          return Optional.of(new Turn(kind));
        }
        if (outcome instanceof LockOutcome.Cancelled) {
          return Optional.empty();
        }
        throw new IOException("no turn to copy: " + outcome);
      } catch (InterruptedException e) {
        lock.cancel();
        if (Await.done(asked, "waiting to copy") instanceof LockOutcome.Granted) {
          rest();
        }
        throw e;
      }
    } finally {
      asked(!begun);
    }
  }

  private CompletableFuture<LockOutcome> request(Kind kind) throws IOException {
    local.lock();
    try {
      if (stopped) {
        throw new IOException("the array is being stopped");
      }
      wanted = false;
      resyncWaits = kind == Kind.RESYNC;
      CompletableFuture<LockOutcome> asked = lock.convert(kind.mode);
      if (resyncWaits && repairs.get() > 0) {
        lock.cancel();
      }
      return asked;
    } finally {
      local.unlock();
    }
  }

  private void asked(boolean givenBack) {
    local.lock();
    try {
      resyncWaits = false;
      taken &= !givenBack;
      changed.signalAll();
    } finally {
      local.unlock();
    }
  }

  /** Turns that are waited for, and all to come, end in an exception. */
  void stop() {
    local.lock();
    try {
      stopped = true;
      lock.cancel();
      changed.signalAll();
    } finally {
      local.unlock();
    }
  }

  private void rest() throws IOException {
    LockOutcome _ = Await.done(lock.convert(LockMode.NL), "ending a turn to copy");
  }

  private void tell(ClusterMessage message) throws IOException {
    Delivery delivery =
        Await.done(channel.send(message).outcome(), "telling the other nodes what is copied");
    if (!(delivery instanceof Delivery.Delivered)) {
      throw new IOException("%s: %s".formatted(message, delivery));
    }
  }

  /** One turn; used by one thread at a time, and closed when no announcement is under way. */
  private final class Turn implements Permit {
    private final Kind kind;
    private boolean told;
    private boolean over;

    private Turn(Kind kind) {
      this.kind = kind;
    }

    @Override
    public void announce(List<Window> windows) throws IOException {
      if (windows.isEmpty()) {
        finish();
        return;
      }
      told = true;
      slots.tell(new SlotBlock(true, windows.stream().map(Window::range).toList()));
      tell(new Resyncing(ResyncWindows.of(windows)));
    }

    private void finish() throws IOException {
      if (told) {
        slots.tell(new SlotBlock(true, List.of()));
        tell(new ResyncFinished());
        told = false;
      }
    }

    @Override
    public long windowSectors() {
      return MOST_SECTORS;
    }

    @Override
    public boolean isWanted() {
      return kind == Kind.RESYNC && (wanted || repairs.get() > 0);
    }

    @Override
    public void close() {
      if (over) {
        return;
      }
      over = true;
      try {
        finish();
        rest();
      } catch (IOException e) {
        // only if this node's part in the array is over: the others go by that
        LOG.warn("a turn to copy did not end as it should: {}", e.getMessage());
      } finally {
        asked(true);
      }
    }
  }
}
