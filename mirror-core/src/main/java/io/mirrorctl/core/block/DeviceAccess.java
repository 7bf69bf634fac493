package io.mirrorctl.core.block;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * How a file or block device is to be opened, and who else may have it meanwhile.
 *
 * <p>A claim is known to every program that uses this class on the same host, in the same process
 * or another, by whatever path the file is reached; on network file systems with locks also on
 * other hosts. It ends when the device is closed or its process dies, and never because some other
 * descriptor of the file is closed. Block devices are claimed through their device node: a second
 * node of the same device (in a container's own {@code /dev}) is seen only by exclusive claims.
 *
 * <p>QEMU programs that write to an image are seen as well, and see a claimed file as in use.
 */
public sealed interface DeviceAccess {

  /** Only for looking: claims nothing, disturbs nobody, may see data that others change. */
  record ReadOnly() implements DeviceAccess {}

  /**
   * For reading and writing by this user alone. Refused with {@link IoFailure#BUSY} while anybody
   * holds a claim; a block device also while it is mounted, swapped to, or part of something else.
   */
  record Exclusive() implements DeviceAccess {}

  /**
   * For reading and writing together with the other nodes of one cluster, and with nobody else.
   *
   * @param cluster names the cluster and the array; holders of equal names may share, every other
   *     claim is refused with {@link IoFailure#BUSY}
   */
  record SharedBy(String cluster) implements DeviceAccess {
    public SharedBy {
      checkArgument(!cluster.isEmpty(), "the name of the cluster is empty");
    }
  }
}
