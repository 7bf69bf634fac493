package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.cluster.ClusterLook;
import io.mirrorctl.core.array.ArrayWait;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a node sees of those who wait, at one moment; times are milliseconds.
 *
 * @param self the node's name
 * @param cluster empty if it belongs to none, or its own parts do not say
 * @param silence why they do not
 * @param arrays those in use
 * @param away shared ones that are not, until something is over
 * @param commands that are being carried out, in the order in which they came
 */
record WaitSources(
    String self,
    Optional<ClusterLook> cluster,
    Optional<String> silence,
    List<OfArray> arrays,
    List<Away> away,
    List<Command> commands) {

  /**
   * An array.
   *
   * @param clients requests of clients
   * @param inside what is in the way of requests
   * @param disks those with requests under way
   * @param working what is being copied or checked: resync, recovery, check or repair
   * @param paused whether copying is, with something left to copy
   * @param searched disks that other nodes are adding
   * @param shared if it is
   */
  record OfArray(
      String name,
      Optional<UnderWay.Oldest> clients,
      List<ArrayWait> inside,
      List<Disk> disks,
      Optional<String> working,
      boolean paused,
      List<Searched> searched,
      Optional<Shared> shared) {}

  /**
   * A disk that this node is to find.
   *
   * @param name on the node that adds it
   */
  record Searched(String name, String deviceUuid, long millis) {}

  /** A member with requests under way. */
  record Disk(String name, UnderWay.Oldest requests) {}

  /**
   * An array that is shared.
   *
   * @param slot this node's
   * @param nodes who has, or had, the other slots
   * @param locks empty if ZooKeeper does not say
   * @param left slots of nodes that are gone, which are not taken over yet
   */
  record Shared(
      int slot, Map<Integer, String> nodes, Optional<ArrayLocks> locks, List<Left> left) {}

  /**
   * A slot that waits for its takeover.
   *
   * @param node whose it was
   * @param atLeastMillis since this node has seen it
   * @param trouble why the last attempt of this node failed
   */
  record Left(int slot, String node, long atLeastMillis, Optional<String> trouble) {}

  /** An array that this node is to have in use and has not. */
  record Away(String array, String reason, Cause cause, OptionalLong millis) {
    /** What it needs. */
    enum Cause {
      /** The node to be back in its cluster. */
      HALTED,
      /** Its disks to answer here. */
      PATH_LOST,
      /** To be assembled: its disks were not there when the node started. */
      NEVER_IN_USE
    }
  }

  /** What an operator has asked for. */
  record Command(String text, Optional<String> array, long millis) {}
}
