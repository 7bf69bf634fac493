package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.LockMode;

/**
 * The two modes on {@code message} that keep senders and receivers out of a deadlock: receivers,
 * who hold CR, ask for one that is compatible with CR but not with what the sender holds. In the
 * first version of md-cluster they were CR and EX, and two receivers waited for each other.
 *
 * @param published held by the sender from the moment its message can be read
 * @param answered asked for by receivers as they answer; granted when the sender is done
 */
record Modes(LockMode published, LockMode answered) {
  static final Modes CURED = new Modes(LockMode.CW, LockMode.PR);
}
