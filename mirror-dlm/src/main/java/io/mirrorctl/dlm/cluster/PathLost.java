package io.mirrorctl.dlm.cluster;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntFunction;

/**
 * Why a node has given up an array that others go on with.
 *
 * @param disk the member that this node does not reach, if it is a single one
 * @param reachedBy number of the node that reaches it, if one was asked
 * @param reason for people: what failed here
 */
public record PathLost(Optional<String> disk, OptionalInt reachedBy, String reason) {

  /**
   * In one sentence.
   *
   * @param names gives a node's name for its number
   */
  public String text(IntFunction<String> names) {
    String what =
        disk.map(d -> "this node does not reach " + d).orElse("this node cannot follow the others");
    String who =
        reachedBy.isPresent() ? ", node " + names.apply(reachedBy.getAsInt()) + " does" : "";
    return what + who + ": " + reason;
  }
}
