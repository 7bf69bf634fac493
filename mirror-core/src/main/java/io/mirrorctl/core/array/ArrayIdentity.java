package io.mirrorctl.core.array;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.util.List;
import java.util.UUID;

/**
 * What the nodes that share an array must agree upon before any of them assembles it.
 *
 * @param uuid of the array
 * @param kind of its bitmap; only arrays with a clustered one can be shared
 * @param slots how many nodes can have it in use at a time; 0 without a clustered bitmap
 * @param unit bytes in the largest sector of the members: the smallest request of a shared array
 * @param chunkBytes what one bit of the bitmap stands for; 0 without one
 * @param sizeBytes of the array
 */
public record ArrayIdentity(
    UUID uuid, BitmapKind kind, int slots, int unit, long chunkBytes, long sizeBytes) {

  /** Reads it from the members at hand, as an assembly of them would. */
  public static ArrayIdentity read(List<? extends BlockDevice> devices) throws IOException {
    ArrayOptions looking = ArrayOptions.DEFAULT.withReadOnly(true).withRun(true);
    return Assembly.read(devices, looking, ClusterPort.singleNode()).identity();
  }

  /**
   * Refuses disks that cannot be assembled without anybody's word that the missing ones may be done
   * without.
   *
   * @throws ArrayException saying which members the others count on
   */
  public static void checkWhole(List<? extends BlockDevice> devices) throws IOException {
    if (devices.isEmpty()) {
      throw ArrayException.failed("none of its disks can be read as a member of it");
    }
    Assembly _ =
        Assembly.read(devices, ArrayOptions.DEFAULT.withReadOnly(true), ClusterPort.singleNode());
  }
}
