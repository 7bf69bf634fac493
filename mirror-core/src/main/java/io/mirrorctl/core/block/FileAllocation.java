package io.mirrorctl.core.block;

import static io.mirrorctl.core.block.Libc.FALLOC_KEEP_SIZE;
import static io.mirrorctl.core.block.Libc.FALLOC_PUNCH_HOLE;
import static io.mirrorctl.core.block.Libc.FALLOC_ZERO_RANGE;

import io.mirrorctl.core.block.BlockDevice.Extent;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * A file's allocation: discarding punches a hole, and so does zeroing unless the range is to stay
 * allocated, in which case its extents become unwritten ones. The kernel waits for direct I/O in
 * flight on the file before it does either, and zeroes the parts of file-system blocks at the
 * edges.
 */
final class FileAllocation implements Allocation {
  private static final int MOST_EXTENTS = 1024;

  private final String name;
  private final int unit;
  private final boolean punches;

  /**
   * @param unit extents begin and end at multiples of it
   * @param punches whether the file system makes holes
   */
  FileAllocation(String name, int unit, boolean punches) {
    this.name = name;
    this.unit = unit;
    this.punches = punches;
  }

  /** Whether the file system makes holes; asked behind the end of the file, where nothing is. */
  static boolean punches(int fd, long fileBytes) {
    long behind = Math.ceilDiv(fileBytes, 1L << 20) << 20;
    return Libc.fallocate(fd, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, behind, 4096) == 0;
  }

  @Override
  public Set<DeviceFeature> features() {
    return punches
        ? EnumSet.of(DeviceFeature.DISCARD, DeviceFeature.DISCARD_ZEROES, DeviceFeature.FAST_ZEROES)
        : Set.of();
  }

  @Override
  public int discard(int fd, long offset, long length) {
    return punches ? Libc.fallocate(fd, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, offset, length) : 0;
  }

  @Override
  public int zero(int fd, long offset, long length, Set<WriteOption> options) {
    if (punches && !options.contains(WriteOption.KEEP_ALLOCATED)) {
      return Libc.fallocate(fd, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, offset, length);
    }
    return Libc.fallocate(fd, FALLOC_ZERO_RANGE | FALLOC_KEEP_SIZE, offset, length);
  }

  @Override
  public List<Extent> extents(int fd, long offset, long length) throws DeviceException {
    List<Extent> extents = new ArrayList<>();
    long end = offset + length;
    long at = offset;
    while (at < end && extents.size() < MOST_EXTENTS) {
      long data = Libc.lseek(fd, at, Libc.SEEK_DATA);
      if (Errno.EINVAL.is(data) || Errno.EOPNOTSUPP.is(data)) {
        extents.add(new Extent(end - at, false, false)); // cannot tell: all may be data
        return extents;
      }
      if (Errno.ENXIO.is(data)) {
        data = end; // nothing but a hole up to the end of the file
      }
      check(data, at);
      data = Math.min(end, data - data % unit);
      if (data > at) {
        extents.add(new Extent(data - at, true, true));
        at = data;
      } else {
        long hole = Libc.lseek(fd, at, Libc.SEEK_HOLE);
        check(hole, at);
        hole = Math.min(end, Math.max(at + unit, Math.ceilDiv(hole, unit) * unit));
        extents.add(new Extent(hole - at, false, false));
        at = hole;
      }
    }
    return extents;
  }

  private void check(long result, long at) throws DeviceException {
    if (result < 0) {
      throw Errno.exception(result, "lseek to the next extent behind %d of %s".formatted(at, name));
    }
  }
}
