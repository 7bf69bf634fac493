package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.block.BlockDevice;
import java.io.IOException;
import java.util.UUID;

/**
 * Finds a disk on this host that another node adds to an array. Called on threads that may block,
 * but while the whole array waits; asked again after a while if it does not find it.
 */
@FunctionalInterface
public interface DiskFinder {

  /**
   * A disk that is about to become a member; it has a superblock of the array already.
   *
   * @param array the name of the array on this node
   * @param device UUID of the disk, as in its superblock
   * @param disk under what name the node knows it that adds it, which may mean nothing here
   */
  record Announcement(String array, UUID device, String disk) {}

  /** What came of the search. */
  sealed interface Result {}

  /**
   * It is here.
   *
   * @param disk open for use with other nodes; the array closes it
   */
  record Found(BlockDevice disk) implements Result {}

  /** It is not, so far. */
  record NotFound() implements Result {}

  /** It will not be: the disk is not to be added. */
  record Missing() implements Result {}

  /** Looks for a disk. */
  Result find(Announcement announcement) throws IOException;

  /** Finds nothing: disks are added only to arrays that no other node has in use. */
  static DiskFinder none() {
    return _ -> new NotFound();
  }
}
