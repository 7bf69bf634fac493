package io.mirrorctl.dlm.cluster;

import com.google.common.util.concurrent.MoreExecutors;
import io.mirrorctl.core.array.ArrayControl;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.lock.LeaveOutcome;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.SlotState;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts right what nodes leave that die: a change of the members half done, and their slots' bits
 * (decision D8). Every survivor does; who gets the token first does the work, the others find it
 * done. Under the token, so that no change of the members and no joiner comes in between.
 */
final class Takeover {
  private static final Logger LOG = LoggerFactory.getLogger(Takeover.class);
  private static final long RETRY_MILLIS = 1000;

  private final Lockspace lockspace;
  private final Slots slots;
  private final Token token;
  private final Changes changes;
  private final Inbox inbox;
  private final ArrayFence fence;
  private final Env env;
  private final Executor sequence;
  private final AtomicBoolean due = new AtomicBoolean();
  private boolean stopped;

  /** Why the last attempt did not succeed. */
  private volatile Optional<String> trouble = Optional.empty();

  Takeover(
      Lockspace lockspace,
      Slots slots,
      Token token,
      Changes changes,
      Inbox inbox,
      ArrayFence fence,
      Env env) {
    this.lockspace = lockspace;
    this.slots = slots;
    this.token = token;
    this.changes = changes;
    this.inbox = inbox;
    this.fence = fence;
    this.env = env;
    this.sequence = MoreExecutors.newSequentialExecutor(env.io());
  }

  /** There may be something to put right. Returns at once. */
  void start() {
    if (due.compareAndSet(false, true)) {
      sequence.execute(this::run);
    }
  }

  /** Nothing is taken over from now on; returns when nothing is being. */
  synchronized void stop() {
    stopped = true;
  }

  /** Why what is to be put right is not yet, as far as this node has tried. */
  Optional<String> trouble() {
    return trouble;
  }

  private synchronized void run() {
    due.set(false);
    if (stopped || inbox.control().isEmpty()) {
      return;
    }
    try (Token.Held held = token.take()) {
      Optional<ArrayControl> array = inbox.control();
      if (array.isPresent()) {
        changes.settleIfInterrupted(held);
        adoptAll(array.get());
        trouble = Optional.empty();
      }
    } catch (IOException e) {
      if (inbox.control().isPresent()) {
        trouble = Optional.of(e.getMessage());
        LOG.warn("{}: a takeover is tried again: {}", lockspace.name(), e.getMessage());
        Future<?> _ = env.timer().schedule(this::start, RETRY_MILLIS, TimeUnit.MILLISECONDS);
      }
    }
  }

  private void adoptAll(ArrayControl array) throws IOException {
    for (Map.Entry<Integer, SlotState.NeedsTakeover> gone : slots.waiting().entrySet()) {
      // another survivor, which may use other disks, may have said that the node is dead
      fence.fence(gone.getValue());
      array.adopt(gone.getKey());
      free(gone.getKey(), gone.getValue().generation());
      LOG.info("{}: slot {} is taken over", lockspace.name(), gone.getKey());
    }
  }

  /** The bits of all slots that wait are this node's since it assembled the array. */
  void freeAll() throws IOException {
    for (Map.Entry<Integer, SlotState.NeedsTakeover> gone : slots.waiting().entrySet()) {
      free(gone.getKey(), gone.getValue().generation());
    }
  }

  private void free(int slot, long generation) throws IOException {
    LeaveOutcome outcome =
        Await.done(
            lockspace.takenOver(slot, generation, Set.of(SlotBlock.resource(slot))),
            "freeing slot " + slot);
    if (!(outcome instanceof LeaveOutcome.Done)) {
      throw new IOException("slot %d was not freed: %s".formatted(slot, outcome));
    }
  }
}
