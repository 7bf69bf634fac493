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
 *
 * <p>Where the file system is not a local one, a hole is punched to discard and never to zero.
 */
final class FileAllocation implements Allocation {
  private static final int PUNCH = FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE;
  private static final int ZERO = FALLOC_ZERO_RANGE | FALLOC_KEEP_SIZE;
  private static final int MOST_EXTENTS = 1024;

  private final String name;
  private final OpenFile file;
  private final boolean punches;

  /**
   * @param writable whether the file may be asked for holes
   */
  FileAllocation(String name, OpenFile file, boolean writable) {
    this.name = name;
    this.file = file;
    // asked behind the end of the file, where nothing is
    long behind = Math.ceilDiv(file.status().sizeBytes(), 1L << 20) << 20;
    this.punches = writable && Libc.fallocate(file.descriptor(), PUNCH, behind, 4096) == 0;
  }

  @Override
  public Set<DeviceFeature> features() {
    if (!punches) {
      return Set.of();
    }
    return file.local()
        ? EnumSet.of(DeviceFeature.DISCARD, DeviceFeature.DISCARD_ZEROES, DeviceFeature.FAST_ZEROES)
        : EnumSet.of(DeviceFeature.DISCARD);
  }

  @Override
  public int discard(int fd, long offset, long length) {
    return punches ? Libc.fallocate(fd, PUNCH, offset, length) : 0;
  }

  @Override
  public int zero(int fd, long offset, long length, Set<WriteOption> options) {
    if (!file.local()) {
      return Errno.EOPNOTSUPP.result();
    }
    boolean keep = options.contains(WriteOption.KEEP_ALLOCATED);
    return Libc.fallocate(fd, keep ? ZERO : PUNCH, offset, length);
  }

  @Override
  public List<Extent> extents(int fd, long offset, long length) throws DeviceException {
    if (!file.local()) {
      return List.of(new Extent(length, false, false));
    }
    int unit = file.minimum();
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
