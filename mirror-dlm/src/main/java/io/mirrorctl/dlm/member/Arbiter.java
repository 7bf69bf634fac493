package io.mirrorctl.dlm.member;

import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * Decides for this node when half or less of the previous view survives, and when two survivors
 * face each other, each reporting the other as unreachable.
 */
@FunctionalInterface
public interface Arbiter {

  /**
   * The case at hand.
   *
   * @param survivors members of the view to come, this node among them
   * @param dead who is missing
   * @param accused survivors that others report as unreachable
   */
  record Question(
      Incarnation self,
      Set<Incarnation> survivors,
      Set<Incarnation> dead,
      Set<Incarnation> accused,
      long epoch) {}

  /**
   * Whether this node wins. The first that does is the winner; if all lose, all halt; one that
   * loses and is accused by the winner halts.
   *
   * <p>Called on the loop; the answer may come on any thread. An exception counts as a no.
   */
  CompletionStage<Boolean> decide(Question question);

  /**
   * Everybody wins, and the first becomes the winner: whoever still has a session has the majority
   * of the ZooKeeper servers on its side, and there is only one such majority.
   */
  static Arbiter zooKeeperMajority() {
    return _ -> CompletableFuture.completedFuture(true);
  }
}
