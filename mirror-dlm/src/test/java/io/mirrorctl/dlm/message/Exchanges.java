package io.mirrorctl.dlm.message;

import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.lock.Lockspace;
import java.time.Duration;

/** Channels of other kinds than the product's, to be measured beside it. */
public final class Exchanges {
  private Exchanges() {}

  /** One ack for all, as md-cluster has it. */
  public static BroadcastChannel sharedAck(
      Lockspace lockspace, Loop loop, Duration limit, ChannelListener listener) {
    var locks = new LockspaceLocks(lockspace);
    var channel =
        new BroadcastChannel(
            locks, loop, limit, listener, state -> new SharedAck(state, Modes.CURED));
    locks.open(channel.ownAck(), channel::ackWanted);
    return channel;
  }
}
