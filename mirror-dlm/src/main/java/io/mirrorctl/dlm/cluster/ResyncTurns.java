package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.array.ClusterPort.Permit;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
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
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This node's turns as the one that copies between members: {@code resync} is held EX, and all know
 * what is being copied (decision D9).
 *
 * <p>Threading: any thread but the loop's.
 */
final class ResyncTurns {
  private static final Logger LOG = LoggerFactory.getLogger(ResyncTurns.class);
  private static final String RESOURCE = "resync";

  /** Who is wanted gives way after that: each turn begins its way through the array anew. */
  private static final Duration LEAST_TURN = Duration.ofSeconds(10);

  private final Slots slots;
  private final BroadcastChannel channel;
  private final Env env;
  private final Lock lock;
  private final WindowSize size = new WindowSize();
  private final Semaphore local = new Semaphore(1);
  private volatile boolean wanted;
  private boolean stopped;

  ResyncTurns(Lockspace lockspace, Slots slots, BroadcastChannel channel, Env env) {
    this.slots = slots;
    this.channel = channel;
    this.env = env;
    this.lock = lockspace.lock(RESOURCE, _ -> wanted = true);
  }

  /** Waits for a turn. */
  Permit begin() throws IOException, InterruptedException {
    local.acquire();
    boolean begun = false;
    try {
      CompletableFuture<LockOutcome> asked = ask();
      try {
        LockOutcome outcome = Await.interruptibly(asked, "waiting to copy");
        begun = outcome instanceof LockOutcome.Granted;
        if (!begun) {
          throw new IOException("no turn to copy: " + outcome);
        }
        return new Turn();
      } catch (InterruptedException e) {
        lock.cancel();
        if (Await.done(asked, "waiting to copy") instanceof LockOutcome.Granted) {
          rest();
        }
        throw e;
      }
    } finally {
      if (!begun) {
        local.release();
      }
    }
  }

  private synchronized CompletableFuture<LockOutcome> ask() throws IOException {
    if (stopped) {
      throw new IOException("the array is being stopped");
    }
    wanted = false;
    return lock.convert(LockMode.EX);
  }

  /** Turns that are waited for, and all to come, end in an exception. */
  synchronized void stop() {
    stopped = true;
    lock.cancel();
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

  /** One turn; used by one thread at a time. */
  private final class Turn implements Permit {
    private final long began = env.millis();
    private Optional<SectorRange> window = Optional.empty();
    private long announced;
    private boolean over;

    @Override
    public void announce(List<SectorRange> ranges) throws IOException {
      if (ranges.isEmpty()) {
        finish();
      } else if (window.isEmpty() || !ranges.stream().allMatch(window.get()::contains)) {
        open(ranges);
      }
    }

    private void open(List<SectorRange> ranges) throws IOException {
      long start = ranges.stream().mapToLong(SectorRange::start).min().orElseThrow();
      long end = ranges.stream().mapToLong(SectorRange::end).max().orElseThrow();
      long before = env.millis();
      window.ifPresent(_ -> size.copied(before - announced));
      var next = SectorRange.ofLength(start, Math.max(end - start, size.sectors()));
      window = Optional.of(next);
      slots.tell(new SlotBlock(true, List.of(next)));
      tell(new Resyncing(ResyncWindows.of(next)));
      announced = env.millis();
      size.announced(announced - before);
    }

    private void finish() throws IOException {
      if (window.isPresent()) {
        slots.tell(new SlotBlock(true, List.of()));
        tell(new ResyncFinished());
        window = Optional.empty();
      }
    }

    @Override
    public boolean isWanted() {
      return wanted && env.millis() - began >= LEAST_TURN.toMillis();
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
        local.release();
      }
    }
  }
}
