package io.mirrorctl.dlm.lock;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.store.Store;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * This node's part in a lockspace: a set of lock resources that several nodes share, with the modes
 * and rules of the Linux DLM.
 *
 * <p>Callable from any thread. Futures complete and callbacks run on the loop.
 *
 * <p>Failure: while the connection to the store is lost, requests wait; what is held stays held, by
 * the rules of the lease, which is membership's affair. When the session is lost or this
 * incarnation is overturned everything under way ends in {@link LockOutcome.Halted}.
 */
public interface Lockspace {
  /** What a lockspace needs of its node; all of one session and one incarnation. */
  record Node(Store store, Loop loop, Env env, Standing standing) {}

  /** How a member leaves. */
  enum Leaving {
    /** Nothing is left to be done; the slot is free. */
    CLEAN,
    /** The slot waits for a takeover, as after a death, but without purge and slot callback. */
    NEEDS_TAKEOVER
  }

  /**
   * Joins the lockspace, the lowest free slot becoming this node's; the first one makes it. Members
   * that died while nobody was there are purged first. To be called once per incarnation and name.
   *
   * @param name letters, digits and {@code . _ : -}, at most 64
   */
  static CompletableFuture<JoinOutcome> join(
      Node node, String name, LockspaceSettings settings, LockspaceListener listener) {
    return new LockspaceMember(node, name, settings, listener).join(settings);
  }

  String name();

  /** This node's slot. */
  int slot();

  /** Who is in it, as this node last read it. */
  LockspaceView view();

  /** A lock that has no blocking callback: costs a watch only while it waits, or was waited for. */
  Lock lock(String resource);

  /**
   * A lock on the resource; holds nothing yet and costs nothing until its first request.
   *
   * @param resource letters, digits and {@code . _ : -}, at most 64
   * @throws IllegalStateException if this node has a lock on it already
   */
  Lock lock(String resource, BlockingCallback blocking);

  /**
   * Makes requests of several locks, each after the one before it was granted, in as few commits as
   * can be: all that can be granted at once are one commit, and in the same commit the first that
   * must wait is queued; the rest follow when it is granted. More than 32 steps are several
   * commits. A lock may have several steps. Ends with the first step that is not granted; what was
   * granted before stays.
   *
   * <p>{@link Lock#cancel} of any of the locks ends the run. A step that is not as it should be, as
   * of a lock that has a request under way, fails the future with {@link IllegalStateException} or
   * {@link IllegalArgumentException}, and nothing is done.
   */
  CompletableFuture<RunOutcome> run(List<Step> steps);

  /** Gives up all locks, then the slot. Requests under way end in {@link LockOutcome.Left}. */
  CompletableFuture<LeaveOutcome> leave(Leaving how);

  /**
   * Makes a slot that waits for a takeover free and, in the same commit, the value blocks of the
   * resources zero and valid (decision D8). Done also if the slot waits no more for that takeover.
   *
   * @param generation in which the slot's last member went, as {@link LockspaceListener#slot} or
   *     {@link SlotState.NeedsTakeover} tells it: a slot that somebody else made free, and that was
   *     given out and lost again since, is left alone
   * @param zeroed at most 32
   */
  CompletableFuture<LeaveOutcome> takenOver(int slot, long generation, Set<String> zeroed);

  /**
   * To be called when {@link Standing#view} has changed, or {@link Standing#end} has: whatever
   * still waits ends then.
   */
  void nodesGone();

  /** Reads who holds and who waits; fails with a {@code StoreException} when the session ends. */
  CompletableFuture<LockTable> table();
}
