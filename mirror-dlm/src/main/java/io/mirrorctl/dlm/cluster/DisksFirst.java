package io.mirrorctl.dlm.cluster;

import io.mirrorctl.dlm.member.FenceAgent;
import io.mirrorctl.dlm.member.Incarnation;
import java.io.IOException;
import java.util.Collection;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fences a node at the disks that this one shares with others, and asks the operator's agent then.
 * Threading: any thread.
 */
final class DisksFirst implements FenceAgent {
  private static final Logger LOG = LoggerFactory.getLogger(DisksFirst.class);

  private final Collection<ArrayFence> arrays;
  private final FenceAgent agent;
  private final Executor io;

  /**
   * @param arrays those that this node has in use; looked at each time, also while they change
   * @param agent asked when all disks have said yes
   */
  DisksFirst(Collection<ArrayFence> arrays, FenceAgent agent, Executor io) {
    this.arrays = arrays;
    this.agent = agent;
    this.io = io;
  }

  @Override
  public CompletionStage<Answer> fence(Incarnation victim) {
    return CompletableFuture.supplyAsync(() -> atDisks(victim), io)
        .thenCompose(answer ->
            answer instanceof Answer.Fenced
                ? agent.fence(victim)
                : CompletableFuture.completedFuture(answer));
  }

  /**
   * A node has died, whoever said so: it is fenced by this one's links too, or they owe it. Returns
   * at once.
   */
  void died(Incarnation victim) {
    try {
      io.execute(() -> {
        if (atDisks(victim) instanceof Answer.NotYet) {
          LOG.info("{}: its fence goes ahead of the next use of the disk", victim);
        }
      });
    } catch (RejectedExecutionException | OutOfMemoryError noThread) {
      LOG.warn("{} is fenced with the takeover only, as there is no thread for it now", victim);
    }
  }

  private Answer atDisks(Incarnation victim) {
    Answer answer = new Answer.Fenced();
    for (ArrayFence array : arrays) {
      try {
        array.fence(victim);
      } catch (IOException e) {
        LOG.warn("{} is not fenced yet: {}", victim, e.getMessage());
        answer = new Answer.NotYet(e.getMessage());
      }
    }
    return answer;
  }
}
