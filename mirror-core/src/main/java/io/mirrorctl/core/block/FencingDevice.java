package io.mirrorctl.core.block;

import java.io.IOException;
import java.util.Map;

/**
 * A device whose storage may know which node each request comes from, and can be told to take none
 * of a dead one any more.
 */
public interface FencingDevice extends BlockDevice {

  /** What became of a fence. */
  enum Fence {
    /** The storage takes no request of the victim any more, and none of its is under way there. */
    DONE,
    /** The storage could not be told. It is before it gets the next request of this device. */
    BEFORE_USE,
    /** The storage does not know whom requests come from: it cannot fence. */
    NOT_POSSIBLE
  }

  /**
   * Fences nodes of the cluster for which this device was opened: whatever is submitted to this
   * device from now on finds that no request of a victim comes any more. Blocks for some seconds at
   * most. May be called again, and by several nodes.
   *
   * @param victims numbers of nodes, each with an incarnation; that life of it and all before it
   *     are fenced, later ones are not
   * @throws IOException if that is not so yet; the message says why, and it is worth another try
   */
  Fence fence(Map<Integer, Long> victims) throws IOException;

  /**
   * The same, at once: what is submitted from now on waits until the storage has been told, unless
   * it was told before.
   */
  void fenceFirst(Map<Integer, Long> victims);
}
