package io.mirrorctl.dlm.member;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * Makes sure that a node that counts as dead can write no more, whatever its lease: for instance by
 * switching its power off.
 */
@FunctionalInterface
public interface FenceAgent {

  /** What the agent says. */
  sealed interface Answer {
    /** The victim can write no more. */
    record Fenced() implements Answer {}

    /** That is not sure; asked again later. The reason is shown by the diagnostics. */
    record NotYet(String reason) implements Answer {}
  }

  /**
   * Fences the victim, or says whether it is. Called on the loop, one call per victim at a time;
   * the answer may come on any thread. An exception counts as "not yet". Several members may ask
   * theirs about the same victim.
   */
  CompletionStage<Answer> fence(Incarnation victim);

  /** No agent: the lease alone decides. */
  static FenceAgent none() {
    return _ -> CompletableFuture.completedFuture(new Answer.Fenced());
  }
}
