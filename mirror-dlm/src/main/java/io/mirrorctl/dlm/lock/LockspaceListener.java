package io.mirrorctl.dlm.lock;

/**
 * Told on the lockspace's loop who comes and goes: the same in the same order on every member, each
 * member from the generation in which it joined. Between {@link #prep} and {@link #done} no grant
 * and no blocking callback is told. Requests may be made at any time; those made before {@link
 * #done} wait for it.
 *
 * <p>Source of the order: the DLM's {@code dlm_lockspace_ops}.
 */
public interface LockspaceListener {
  /**
   * Members died; lock activity stands still.
   *
   * @param generation that {@link #done} will tell
   */
  default void prep(long generation) {}

  /**
   * A member died, its locks are purged, its slot waits for a takeover; once for each that died.
   * Not told of one that left.
   */
  default void slot(int slot, int node, long generation) {}

  /** Lock activity goes on. */
  default void done(long generation) {}

  /** A node joined. */
  default void joined(int slot, int node, long generation) {}

  /**
   * A member left.
   *
   * @param needsTakeover whether its slot waits for a takeover; it is free otherwise
   */
  default void left(int slot, int node, boolean needsTakeover, long generation) {}

  /** A slot that waited for a takeover is free. */
  default void freed(int slot, long generation) {}

  /**
   * This node's part in the lockspace is over, not by {@link Lockspace#leave}: the session is lost,
   * the incarnation overturned, or the store holds what it should not. The last callback.
   */
  default void halted(String reason) {}
}
