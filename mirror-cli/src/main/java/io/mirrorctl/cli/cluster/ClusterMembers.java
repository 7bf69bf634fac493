package io.mirrorctl.cli.cluster;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The cluster as one of its nodes knows it; the names are the keys of its JSON.
 *
 * @param epoch of the view; 0 while this node is no member
 * @param self the name of the node that was asked
 * @param state of that node, with what it waits for
 * @param zookeeper what this node has asked of ZooKeeper in its present session
 * @param nodes all that are in the view, by number
 */
public record ClusterMembers(
    String cluster,
    long epoch,
    String self,
    String state,
    ZooKeeperUse zookeeper,
    List<Member> nodes) {

  /**
   * A node.
   *
   * @param slot in the arrays that it has in use together with the node that was asked, if that is
   *     the same in all of them
   * @param slots for each of these arrays
   * @param state joining, up, stopping, left or halted
   * @param waiting what is waited for before it leaves the view
   */
  @JsonInclude(JsonInclude.Include.ALWAYS)
  public record Member(
      String name,
      int number,
      OptionalInt slot,
      List<ArraySlot> slots,
      String state,
      long incarnation,
      Optional<String> waiting) {}

  /**
   * Requests to ZooKeeper; reading and writing an array needs none.
   *
   * @param commits of all kinds
   * @param renewals of the node's lease, among the commits
   * @param reads of entries
   * @param changes that ZooKeeper has told of
   */
  public record ZooKeeperUse(long commits, long renewals, long reads, long changes) {
    static final ZooKeeperUse NONE = new ZooKeeperUse(0, 0, 0, 0);
  }

  /** A slot of an array's bitmap. */
  public record ArraySlot(String array, int slot) {}
}
