package io.mirrorctl.core.block;

import io.mirrorctl.core.block.BlockDevice.Extent;
import java.util.List;
import java.util.Set;

/**
 * Where the storage below a device is in use, and how to change that: the part in which files and
 * block devices differ. Results are those of {@link Libc}; EOPNOTSUPP means that only writing would
 * do.
 */
interface Allocation {

  /** Features besides {@link DeviceFeature#READ_ONLY} and {@link DeviceFeature#SHARED_FLUSH}. */
  Set<DeviceFeature> features();

  int discard(int fd, long offset, long length);

  /** Makes the range read as zeroes by other means than sending zeroes. */
  int zero(int fd, long offset, long length, Set<WriteOption> options);

  List<Extent> extents(int fd, long offset, long length) throws DeviceException;
}
