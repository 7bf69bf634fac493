package io.mirrorctl.core.block;

import static io.mirrorctl.core.block.Libc.FALLOC_KEEP_SIZE;
import static io.mirrorctl.core.block.Libc.FALLOC_PUNCH_HOLE;
import static io.mirrorctl.core.block.Libc.FALLOC_ZERO_RANGE;

import io.mirrorctl.core.block.BlockDevice.Extent;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * A block device's allocation. Discarding is BLKDISCARD, after which a device may read as anything.
 * Zeroing is fallocate(2) on the device: to punch a hole there means to zero by a command of the
 * device that may unmap, and fails where there is none; to zero a range keeps it mapped, and where
 * the device has no command for it the kernel writes the zeroes.
 */
final class DiskAllocation implements Allocation {
  private final boolean discards;
  private final boolean zeroesByCommand;

  private DiskAllocation(boolean discards, boolean zeroesByCommand) {
    this.discards = discards;
    this.zeroesByCommand = zeroesByCommand;
  }

  static DiskAllocation of(FileStatus device) {
    return new DiskAllocation(
        limit(device, "discard_max_bytes") > 0, limit(device, "write_zeroes_max_bytes") > 0);
  }

  @Override
  public Set<DeviceFeature> features() {
    Set<DeviceFeature> features = EnumSet.noneOf(DeviceFeature.class);
    if (discards) {
      features.add(DeviceFeature.DISCARD);
    }
    if (zeroesByCommand) {
      features.add(DeviceFeature.FAST_ZEROES);
    }
    return features;
  }

  @Override
  public int discard(int fd, long offset, long length) {
    if (!discards) {
      return 0;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment range = arena.allocateFrom(ValueLayout.JAVA_LONG, offset, length);
      return Libc.ioctl(fd, Libc.BLKDISCARD, range);
    }
  }

  @Override
  public int zero(int fd, long offset, long length, Set<WriteOption> options) {
    int result = Errno.EOPNOTSUPP.result();
    if (!options.contains(WriteOption.KEEP_ALLOCATED)) {
      result = Libc.fallocate(fd, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, offset, length);
    }
    boolean mayBeSlow = !options.contains(WriteOption.FAST_ONLY);
    if (Errno.EOPNOTSUPP.is(result) && (zeroesByCommand || mayBeSlow)) {
      result = Libc.fallocate(fd, FALLOC_ZERO_RANGE | FALLOC_KEEP_SIZE, offset, length);
    }
    return result;
  }

  @Override
  public List<Extent> extents(int fd, long offset, long length) {
    return List.of(new Extent(length, false, false));
  }

  /** A limit of the device's request queue; a partition's queue is that of its disk. */
  private static long limit(FileStatus device, String name) {
    Path entry = Path.of("/sys/dev/block", device.deviceMajor() + ":" + device.deviceMinor());
    try {
      Path real = entry.toRealPath();
      Path queue = real.resolve("queue");
      Path holder = Files.isDirectory(queue) ? queue : real.resolveSibling("queue");
      return Long.parseUnsignedLong(Files.readString(holder.resolve(name)).strip());
    } catch (IOException | NumberFormatException e) {
      return 0; // a container without /sys: promise nothing
    }
  }
}
