package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.array.ArrayControl;
import io.mirrorctl.core.array.ClusterPort.Committed;
import io.mirrorctl.core.array.ClusterPort.SetChange;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.message.Bits256;
import io.mirrorctl.dlm.message.ClusterMessage.Change;
import io.mirrorctl.dlm.message.ClusterMessage.Hold;
import io.mirrorctl.dlm.message.ClusterMessage.MetadataUpdated;
import io.mirrorctl.dlm.message.ClusterMessage.Resume;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * Changes of the set of members, on all nodes or on none: hold, settle, resume (decision D6). Who
 * begins one and cannot end it halts: the others see a death, and put right what it left.
 */
final class Changes {
  private final Token token;

  /** As long as other nodes have for an answer: nobody may keep the token for hanging I/O. */
  private static final Duration LIMIT = ArrayJoin.ANSWER_LIMIT;

  private final Inbox inbox;
  private final Env env;
  private final Consumer<String> halt;

  /**
   * @param halt ends this node's part in the cluster at once
   */
  Changes(Token token, Inbox inbox, Env env, Consumer<String> halt) {
    this.token = token;
    this.inbox = inbox;
    this.env = env;
    this.halt = halt;
  }

  private interface Work<T> {
    T run() throws IOException;
  }

  /** Does what only this node's own member I/O can hold up. */
  private <T> T limited(String what, Work<T> work) throws IOException {
    Future<?> limit =
        env.timer()
            .schedule(
                () ->
                    halt.accept(
                        "%s: member I/O has not returned in %d s"
                            .formatted(what, LIMIT.toSeconds())),
                LIMIT.toMillis(),
                TimeUnit.MILLISECONDS);
    try {
      return work.run();
    } finally {
      limit.cancel(false);
    }
  }

  void transact(SetChange change) throws IOException {
    try (Token.Held held = token.take()) {
      ReentrantLock alone = held.changing();
      alone.lock();
      try {
        if (inbox.control().isPresent()) {
          settle(held);
        }
        if (!change.isDone()) {
          make(held, change);
        }
      } finally {
        alone.unlock();
      }
    } catch (IOException e) {
      if (inbox.control().isPresent()) {
        halt.accept("a change of the members: " + e.getMessage());
      }
      throw e;
    }
  }

  private void make(Token.Held held, SetChange change) throws IOException {
    Void _ =
        limited(
            "holding I/O",
            () -> {
              change.hold();
              return null;
            });
    boolean made = false;
    try {
      Bits256 failing = Inbox.bits(change.failing());
      Bits256 further =
          held.send(
              new Hold(failing.isEmpty() ? Change.OTHER : Change.FAILED, change.events(), failing));
      if (!further.isEmpty()) {
        change.alsoFailing(Inbox.set(further));
      }
      Committed done = limited("a change of the members", change::commit);
      var _ = held.send(new MetadataUpdated(done.events(), done.source()));
      held.finish(new Resume(done.events()));
      made = true;
    } finally {
      if (!made) {
        halt.accept("a change of the members of the array could not be made");
      }
      change.resume();
    }
  }

  /** Puts right what a node left that died in the middle of a change, if one did. */
  void settleIfInterrupted(Token.Held held) throws IOException {
    ReentrantLock alone = held.changing();
    alone.lock();
    try {
      settle(held);
    } finally {
      alone.unlock();
    }
  }

  private void settle(Token.Held held) throws IOException {
    if (!held.interrupted()) {
      return;
    }
    ArrayControl array =
        inbox.control().orElseThrow(() -> new IOException("the array is closed on this node"));
    boolean settled = false;
    Set<Integer> _ = limited("holding I/O", () -> array.hold(Set.of()));
    try {
      Bits256 _ = held.send(new Hold(Change.REGROUPED, 0, Bits256.NONE));
      Committed agreed = limited("agreeing upon the members", array::agree);
      Bits256 _ = held.send(new MetadataUpdated(agreed.events(), agreed.source()));
      Bits256 _ = held.send(new Resume(agreed.events()));
      held.settled();
      settled = true;
    } finally {
      if (!settled) {
        halt.accept("what a dead node left half done could not be put right");
      }
      inbox.endHolds(array);
      array.resume();
    }
  }
}
