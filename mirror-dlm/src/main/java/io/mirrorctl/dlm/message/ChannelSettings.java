package io.mirrorctl.dlm.message;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.dlm.lock.LockspaceSettings;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;

/**
 * How a node joins a lockspace and its broadcasts.
 *
 * @param lockspace must be the same on all members
 * @param limit how long a member may take to answer a message
 * @param first what this node has to learn before it hears its first message, as a state that
 *     messages change: run on the loop in the transaction of its join, in which nobody else sends;
 *     the transaction is ended when the stage completes
 */
public record ChannelSettings(
    LockspaceSettings lockspace, Duration limit, Function<Transaction, CompletionStage<?>> first) {

  /** A lockspace of 64 slots, 30 s for an answer, and nothing to be learnt first. */
  public static final ChannelSettings DEFAULT =
      new ChannelSettings(
          new LockspaceSettings(64, Map.of()),
          Duration.ofSeconds(30),
          _ -> CompletableFuture.completedFuture(null));

  public ChannelSettings {
    checkArgument(limit.isPositive(), "the limit for an answer is %s", limit);
  }

  /** These, with another lockspace. */
  public ChannelSettings with(LockspaceSettings other) {
    return new ChannelSettings(other, limit, first);
  }

  /** These, with another limit. */
  public ChannelSettings withLimit(Duration other) {
    return new ChannelSettings(lockspace, other, first);
  }

  /** These, with something to be learnt first. */
  public ChannelSettings learning(Function<Transaction, CompletionStage<?>> other) {
    return new ChannelSettings(lockspace, limit, other);
  }
}
