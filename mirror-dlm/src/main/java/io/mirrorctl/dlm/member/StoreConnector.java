package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.store.Store;
import java.time.Duration;
import java.util.concurrent.CompletionStage;

/** Begins sessions with the servers; how is the caller's affair. */
@FunctionalInterface
public interface StoreConnector {
  /**
   * A new session, whose futures and changes come on the loop of this node's membership.
   *
   * @param sessionTimeout to be asked for; what the servers grant counts
   * @return fails with {@link io.mirrorctl.dlm.store.StoreException} if there is no session to be
   *     had: of a kind that is permanent if another try would fail too, and then the join fails;
   *     else it is called again as long as the join may take
   */
  CompletionStage<Store> connect(Duration sessionTimeout);
}
