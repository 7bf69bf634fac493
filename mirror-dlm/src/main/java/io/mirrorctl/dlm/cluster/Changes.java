package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.array.ArrayControl;
import io.mirrorctl.core.array.ClusterPort.Coming;
import io.mirrorctl.core.array.ClusterPort.Committed;
import io.mirrorctl.core.array.ClusterPort.SetChange;
import io.mirrorctl.core.array.ClusterPort.Work;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.message.Bits256;
import io.mirrorctl.dlm.message.ClusterMessage.Change;
import io.mirrorctl.dlm.message.ClusterMessage.DiskName;
import io.mirrorctl.dlm.message.ClusterMessage.Hold;
import io.mirrorctl.dlm.message.ClusterMessage.MetadataUpdated;
import io.mirrorctl.dlm.message.ClusterMessage.NewDisk;
import io.mirrorctl.dlm.message.ClusterMessage.Remove;
import io.mirrorctl.dlm.message.ClusterMessage.Resume;
import io.mirrorctl.dlm.message.Delivery;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Changes of the set of members, on all nodes or on none: hold, settle, resume (decision D6). Who
 * begins one and cannot end it halts: the others see a death, and put right what it left.
 */
final class Changes {
  private static final Logger LOG = LoggerFactory.getLogger(Changes.class);

  /** Not more often are the others asked about members that fail for a client. */
  private static final Duration LOOK_AGAIN = Duration.ofSeconds(2);

  /** As long as other nodes have for an answer: nobody may keep the token for hanging I/O. */
  private static final Duration LIMIT = ArrayJoin.ANSWER_LIMIT;

  private final Token token;
  private final Inbox inbox;
  private final Paths paths;
  private final Env env;
  private final Consumer<String> halt;
  private final AtomicBoolean looking = new AtomicBoolean();

  /**
   * @param halt ends this node's part in the cluster at once
   */
  Changes(Token token, Inbox inbox, Paths paths, Env env, Consumer<String> halt) {
    this.token = token;
    this.inbox = inbox;
    this.paths = paths;
    this.env = env;
    this.halt = halt;
  }

  private interface Task<T> {
    T run() throws IOException;
  }

  /** Does what only this node's own member I/O can hold up. */
  private <T> T limited(String what, Task<T> work) throws IOException {
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
    Set<Integer> suspects = change.suspects();
    try {
      paths.look(inbox.control(), suspects);
      transactWithToken(change);
    } catch (IOException e) {
      if (inbox.control().isPresent() && !paths.isLost()) {
        halt.accept("a change of the members: " + e.getMessage());
      }
      throw e;
    } finally {
      paths.forget(suspects);
    }
  }

  private void transactWithToken(SetChange change) throws IOException {
    try (Token.Held held = token.take()) {
      ReentrantLock alone = held.changing();
      alone.lock();
      try {
        paths.checkNotLost();
        if (inbox.control().isPresent()) {
          settle(held);
        }
        boolean made = false;
        while (!made && !change.isDone() && isPossible(held, change)) {
          paths.checkNotLost();
          Set<Integer> suspects = change.suspects();
          paths.check(held, inbox.control(), suspects);
          change.confirm(suspects);
          made = make(held, change);
        }
      } finally {
        alone.unlock();
      }
    }
  }

  /**
   * No in-sync member could serve a client here: if it is this node that has lost its paths, it
   * gives up the array.
   */
  void allFailed() {
    if (!paths.areChecked() || !looking.compareAndSet(false, true)) {
      return;
    }
    try {
      env.io().execute(this::lookAtAll);
    } catch (RejectedExecutionException | OutOfMemoryError noThread) { // asked for again soon
      looking.set(false);
    }
  }

  private void lookAtAll() {
    try (Token.Held held = token.take()) {
      ReentrantLock alone = held.changing();
      alone.lock();
      try {
        Optional<ArrayControl> array = inbox.control();
        if (array.isPresent()) {
          paths.check(held, array, array.get().receiving());
        }
      } finally {
        alone.unlock();
      }
    } catch (IOException e) {
      LOG.warn("looking at the members: {}", e.getMessage());
    } finally {
      Future<?> _ =
          env.timer()
              .schedule(() -> looking.set(false), LOOK_AGAIN.toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  /** Whether all nodes have the disks that come in or begin to receive, and let go of who goes. */
  private boolean isPossible(Token.Held held, SetChange change) throws IOException {
    List<Coming> coming = new ArrayList<>();
    Void _ =
        limited(
            "looking at a disk that comes in",
            () -> {
              coming.addAll(change.coming());
              return null;
            });
    if (change.isDone()) {
      return false;
    }
    for (Coming member : coming) {
      Optional<Delivery.Refused> refused = announce(held, member);
      if (refused.isPresent()) {
        if (refused.get().reason().equals(NewDisk.NOT_FOUND)) {
          change.unseen(refused.get().slot());
        } else {
          change.refused(refused.get().slot(), refused.get().reason());
        }
        return false;
      }
    }
    for (int number : change.going()) {
      Optional<Delivery.Refused> refused = held.propose(new Remove(number));
      if (refused.isPresent()) {
        change.refused(refused.get().slot(), refused.get().reason());
        return false;
      }
    }
    return true;
  }

  private static Optional<Delivery.Refused> announce(Token.Held held, Coming member)
      throws IOException {
    for (DiskName part : DiskName.of(member.disk())) {
      Optional<Delivery.Refused> refused = held.propose(part);
      if (refused.isPresent()) {
        return refused;
      }
    }
    return held.propose(new NewDisk(member.device(), member.number()));
  }

  /** Runs it under the token; limited, as it may do I/O. */
  void exclusively(Work work) throws IOException {
    try (Token.Held held = token.take()) {
      ReentrantLock alone = held.changing();
      alone.lock();
      try {
        paths.checkNotLost();
        if (inbox.control().isPresent()) {
          settle(held);
        }
        Void _ =
            limited(
                "writing to a disk that comes in",
                () -> {
                  work.run();
                  return null;
                });
      } finally {
        alone.unlock();
      }
    }
  }

  /** False if a member has failed meanwhile that nobody was asked about. */
  private boolean make(Token.Held held, SetChange change) throws IOException {
    Void _ =
        limited(
            "holding I/O",
            () -> {
              change.hold();
              return null;
            });
    if (!change.suspects().isEmpty()) {
      change.resume();
      return false;
    }
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
      return true;
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
    paths.check(held, Optional.of(array), paths.unreached());
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
