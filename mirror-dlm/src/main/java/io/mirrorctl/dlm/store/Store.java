package io.mirrorctl.dlm.store;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * A small tree of versioned entries which several nodes share, seen through one session of this
 * node. Paths are absolute, {@code /a/b} (see {@link StorePath}); what they mean below the store's
 * own root is its affair.
 *
 * <p>Commits of all sessions have one order. A session sees them in that order, though perhaps
 * late: a read may miss commits of other sessions, never one's own, and nothing that an earlier
 * answer or change of this session told.
 *
 * <p>An instance is one session. When the session is lost, everything under way and all that is
 * asked later fails with {@link SessionLostException}; another instance begins anew.
 *
 * <p>Threading: callable from anywhere. Futures complete, and changes and session events are told,
 * on the loop the store was made with, in the order in which they came from the servers: a change
 * is told before the answer of any read that saw it, and before the answer of any commit behind it
 * (that of one's own commit before the commit's own answer).
 */
public interface Store extends AutoCloseable {
  /** How large a commit may be: paths, data, and {@link #PART_BYTES} for each part. */
  int COMMIT_BYTES = 1_000_000;

  /** What a part of a commit counts besides its path and its data. */
  int PART_BYTES = 200;

  /** Number of this session, never used again by the servers. */
  long sessionId();

  /**
   * How long the servers wait for a sign of life before they end the session: what they granted,
   * not what was asked for.
   */
  Duration sessionTimeout();

  /**
   * An entry, or empty if there is none. Asked again by the store when the connection was lost, so
   * it fails only with the session.
   */
  CompletableFuture<Optional<Entry>> read(String path);

  /** The last parts of the paths right below, in no order; empty also where there is no entry. */
  CompletableFuture<List<String>> children(String path);

  /**
   * Does all of this or nothing, as one commit. Never asked again by the store: when the connection
   * is lost before the answer, the future fails with {@link OutcomeUnknownException}, and the
   * caller reads what became of it once the session is {@link SessionEvent#RECONNECTED}: from then
   * on it does not come any more. So does, at once, a commit that is asked for in between.
   *
   * <p>A part may build on those before it: an entry that is put twice has risen by one version in
   * between.
   *
   * @param ops at least one
   * @throws IllegalArgumentException if there is none, one has a negative version, or all together
   *     are larger than {@link #COMMIT_BYTES}
   */
  CompletableFuture<CommitResult> commit(List<Op> ops);

  /**
   * Tells of every commit from now on that creates, changes or deletes the entry at the path, or,
   * with {@link WatchDepth#SUBTREE}, also an entry below it; perhaps also of earlier ones that this
   * session had not seen. Changes made while the connection was lost are not told: after {@link
   * SessionEvent#RECONNECTED} the watch is in place again and its owner reads what it cares for.
   *
   * @return complete once no later commit can be missed
   */
  CompletableFuture<Watch> watch(String path, WatchDepth depth, Consumer<Change> onChange);

  /** Tells of every session event from now on. */
  void onSession(Consumer<SessionEvent> listener);

  /** What this session has cost so far; callable from anywhere. */
  StoreCounts counts();

  /**
   * Ends the session, and with it its ephemeral entries; returns at once. If the servers are away,
   * they end it when its time is over. No session event is told any more.
   */
  @Override
  void close();
}
