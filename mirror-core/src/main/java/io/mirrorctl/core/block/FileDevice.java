package io.mirrorctl.core.block;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.Sets;
import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A regular file or block device of this host.
 *
 * <p>I/O is direct, past the page cache, so that what a node reads is what other hosts wrote. Where
 * the file system has no direct I/O it goes through the page cache, {@link #direct} says so, and
 * after a failed flush all later ones fail too, since the kernel drops what it could not write.
 *
 * <p>Buffers: direct ones at suitably aligned addresses (all of {@link AlignedBuffers}) are read
 * into and written from in place; others are copied on the way. A buffer's position is unchanged
 * when a request fails.
 *
 * <p>Durable: a write with {@link WriteOption#DURABLE} uses RWF_DSYNC, which devices with FUA serve
 * without a whole flush, on block devices, ext4, XFS and btrfs; elsewhere fdatasync follows. Zeroes
 * and discards are followed by fdatasync.
 *
 * <p>Zeroes: on a file a hole is punched, or with {@link WriteOption#KEEP_ALLOCATED} the range is
 * marked unwritten; on a block device its own command is used if it has one. Where there is no such
 * way zeroes are written. A discard punches a hole in a file, is BLKDISCARD on a block device, and
 * nothing where neither exists.
 *
 * <p>Threading: calls block in the kernel, uninterruptibly, and a virtual thread blocks its
 * carrier; use platform threads. A thread interrupted before its request stays interrupted and gets
 * {@link InterruptedIOException}; the device is not harmed by interrupts at any time.
 */
public final class FileDevice implements BlockDevice {
  private static final int MAXIMUM = AlignedBuffers.LARGEST;

  /** Copies for unaligned buffers, and written zeroes, go by pieces of this size. */
  private static final int PIECE = 1 << 20;

  /**
   * The kernel holds other I/O to a file while it zeroes or punches, so that goes by pieces too.
   */
  private static final long RANGE_PIECE = 256L << 20;

  private static final MemorySegment ZEROES =
      MemorySegment.ofBuffer(new AlignedBuffers(0).acquire(PIECE)).asReadOnly();

  private final String name;
  private final OpenFile file;
  private final Descriptor descriptor;
  private final BlockSizes sizes;
  private final Allocation allocation;
  private final Set<DeviceFeature> features;
  private final boolean readOnly;
  private final AtomicLong sizeBytes;

  /** Whether RWF_DSYNC serves here, as far as is known. */
  private volatile boolean durableWrites;

  private final Object syncing = new Object();

  @GuardedBy("syncing")
  private DeviceException failedSync;

  private FileDevice(Path path, OpenFile file, DeviceAccess access) {
    this.name = path.toString();
    this.file = file;
    this.descriptor = new Descriptor(file.descriptor(), name);
    this.sizes = new BlockSizes(file.minimum(), file.preferred(), MAXIMUM);
    this.durableWrites = file.durableWrites();
    this.sizeBytes = new AtomicLong(file.sizeBytes());
    this.readOnly = access instanceof DeviceAccess.ReadOnly;
    this.allocation =
        file.status().isBlockDevice()
            ? DiskAllocation.of(file.status())
            : new FileAllocation(name, file, !readOnly);
    Set<DeviceFeature> found = EnumSet.noneOf(DeviceFeature.class);
    if (readOnly) {
      found.add(DeviceFeature.READ_ONLY);
    } else {
      found.addAll(allocation.features());
    }
    if (file.local()) {
      found.add(DeviceFeature.SHARED_FLUSH);
    }
    this.features = Sets.immutableEnumSet(found);
  }

  /**
   * Opens a regular file or block device. Its size is taken now, and again by {@link #remeasure}; a
   * part of a sector at the end of a file is left out.
   *
   * @throws DeviceException BUSY if the claim is refused, with who can be seen to have it;
   *     READ_ONLY if it cannot be written; GONE if there is no such file; INVALID if it is neither
   *     file nor block device, or empty; NOT_SUPPORTED if its file system has no locks
   */
  public static FileDevice open(Path path, DeviceAccess access) throws IOException {
    return open(path, access, true);
  }

  /** As {@link #open}, by the page cache even where direct I/O is possible. */
  static FileDevice openBuffered(Path path, DeviceAccess access) throws IOException {
    return open(path, access, false);
  }

  private static FileDevice open(Path path, DeviceAccess access, boolean direct)
      throws IOException {
    OpenFile file = OpenFile.open(path, access, direct);
    try {
      return new FileDevice(path, file, access);
    } catch (RuntimeException | Error e) {
      Libc.close(file.descriptor());
      throw e;
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long sizeBytes() {
    return sizeBytes.get();
  }

  @Override
  public long remeasure() throws IOException {
    int _ = begin("remeasure", 0, 0, 0);
    try {
      return sizeBytes.accumulateAndGet(file.sizeNow(name), Math::max);
    } finally {
      descriptor.leave();
    }
  }

  @Override
  public BlockSizes blockSizes() {
    return sizes;
  }

  @Override
  public Set<DeviceFeature> features() {
    return features;
  }

  /** Whether I/O goes past the page cache. */
  public boolean direct() {
    return file.direct();
  }

  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    if (into.isReadOnly()) {
      throw new ReadOnlyBufferException();
    }
    int length = into.remaining();
    int fd = begin("read", offset, length, MAXIMUM);
    try {
      if (suits(into)) {
        readFully(fd, MemorySegment.ofBuffer(into), offset);
      } else {
        readByCopy(fd, into, offset);
      }
    } finally {
      descriptor.leave();
    }
    into.position(into.limit());
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    int length = from.remaining();
    int fd = beginChange("write", offset, length, MAXIMUM);
    try {
      boolean durable = options.contains(WriteOption.DURABLE);
      if (suits(from)) {
        writeFully(fd, MemorySegment.ofBuffer(from), offset, durable);
      } else {
        writeByCopy(fd, from, offset, durable);
      }
    } finally {
      descriptor.leave();
    }
    from.position(from.limit());
  }

  @Override
  public void flush() throws IOException {
    int fd = begin("flush", 0, 0, 0);
    try {
      sync(fd);
    } finally {
      descriptor.leave();
    }
  }

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    int fd = beginChange("discard", offset, length, Long.MAX_VALUE);
    try {
      long end = offset + length;
      for (long at = offset; at < end; at = endOfPiece(at, end)) {
        long piece = endOfPiece(at, end) - at;
        check(allocation.discard(fd, at, piece), "discard", piece, at);
      }
      if (options.contains(WriteOption.DURABLE)) {
        sync(fd);
      }
    } finally {
      descriptor.leave();
    }
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    int fd = beginChange("write zeroes of", offset, length, Long.MAX_VALUE);
    try {
      long end = offset + length;
      for (long at = offset; at < end; at = endOfPiece(at, end)) {
        zero(fd, at, endOfPiece(at, end) - at, options);
      }
      if (options.contains(WriteOption.DURABLE)) {
        sync(fd);
      }
    } finally {
      descriptor.leave();
    }
  }

  @Override
  public List<Extent> extents(long offset, long length) throws IOException {
    checkArgument(length > 0, "extents of %s bytes", length);
    int fd = begin("extents", offset, length, Long.MAX_VALUE);
    try {
      return allocation.extents(fd, offset, length);
    } finally {
      descriptor.leave();
    }
  }

  /**
   * Waits for requests in flight and gives up the claim. If the wait is interrupted, the last of
   * them does it.
   */
  @Override
  public void close() throws IOException {
    descriptor.close();
  }

  @Override
  public String toString() {
    return name;
  }

  private int beginChange(String what, long offset, long length, long longest) throws IOException {
    if (readOnly) {
      throw new DeviceException(IoFailure.READ_ONLY, name + " was opened for reading only");
    }
    return begin(what, offset, length, longest);
  }

  /** The descriptor for a request that is right; {@link Descriptor#leave} must follow. */
  private int begin(String what, long offset, long length, long longest) throws IOException {
    if (offset < 0 || length < 0 || offset > sizeBytes() - length) {
      throw wrong(what, offset, length, "the device has %d bytes", sizeBytes());
    }
    if (((offset | length) & (sizes.minimum() - 1)) != 0) {
      throw wrong(what, offset, length, "its sectors have %d bytes", sizes.minimum());
    }
    if (length > longest) {
      throw wrong(what, offset, length, "no request may be longer than %d bytes", longest);
    }
    int fd = descriptor.enter();
    if (Thread.currentThread().isInterrupted()) {
      descriptor.leave();
      throw new InterruptedIOException(
          "interrupted before %s %d bytes at %d of %s".formatted(what, length, offset, name));
    }
    return fd;
  }

  @FormatMethod
  private DeviceException wrong(
      String what, long offset, long length, @FormatString String why, long number) {
    return new DeviceException(
        IoFailure.INVALID,
        "%s %d bytes at %d of %s: ".formatted(what, length, offset, name) + why.formatted(number));
  }

  private boolean suits(ByteBuffer buffer) {
    return buffer.isDirect() && buffer.alignmentOffset(buffer.position(), file.memoryAlign()) == 0;
  }

  private void readFully(int fd, MemorySegment into, long offset) throws DeviceException {
    long length = into.byteSize();
    long done = 0;
    while (done < length) {
      MemorySegment rest = done == 0 ? into : into.asSlice(done);
      long count = Libc.pread(fd, rest, offset + done);
      check(count, "pread", length - done, offset + done);
      long whole = wholeUnits(count, length - done);
      if (whole == 0) {
        throw new DeviceException(
            IoFailure.GONE,
            "%s ends at %d and had %d bytes when it was opened; was it truncated?"
                .formatted(name, offset + done + count, sizeBytes()));
      }
      done += whole;
    }
  }

  private void readByCopy(int fd, ByteBuffer into, long offset) throws DeviceException {
    int length = into.remaining();
    int start = into.position();
    ByteBuffer copy = AlignedBuffers.shared().acquire(Math.clamp(length, 1, PIECE));
    try {
      for (int done = 0; done < length; done += PIECE) {
        int piece = Math.min(PIECE, length - done);
        copy.limit(piece);
        readFully(fd, MemorySegment.ofBuffer(copy), offset + done);
        into.put(start + done, copy, 0, piece);
      }
    } finally {
      AlignedBuffers.shared().release(copy);
    }
  }

  private void writeFully(int fd, MemorySegment from, long offset, boolean durable)
      throws DeviceException {
    long length = from.byteSize();
    boolean byFlag = durable && durableWrites;
    long done = 0;
    while (done < length) {
      MemorySegment rest = done == 0 ? from : from.asSlice(done);
      long count =
          byFlag
              ? Libc.pwriteDurably(fd, rest, offset + done)
              : Libc.pwrite(fd, rest, offset + done);
      if (byFlag && (Errno.EOPNOTSUPP.is(count) || Errno.ENOSYS.is(count))) {
        durableWrites = false; // an old kernel, or a sandbox that does not know the call
        byFlag = false;
        continue;
      }
      check(count, "pwrite", length - done, offset + done);
      long whole = wholeUnits(count, length - done);
      if (whole == 0) {
        throw new DeviceException(
            IoFailure.OTHER,
            "pwrite %d bytes at %d of %s: only %d were taken"
                .formatted(length - done, offset + done, name, count));
      }
      done += whole;
    }
    if (durable && !byFlag) {
      sync(fd);
    }
  }

  private void writeByCopy(int fd, ByteBuffer from, long offset, boolean durable)
      throws DeviceException {
    int length = from.remaining();
    int start = from.position();
    boolean onePiece = length <= PIECE;
    ByteBuffer copy = AlignedBuffers.shared().acquire(Math.clamp(length, 1, PIECE));
    try {
      for (int done = 0; done < length; done += PIECE) {
        int piece = Math.min(PIECE, length - done);
        copy.limit(piece).put(0, from, start + done, piece);
        writeFully(fd, MemorySegment.ofBuffer(copy), offset + done, durable && onePiece);
      }
    } finally {
      AlignedBuffers.shared().release(copy);
    }
    if (durable && !onePiece) {
      sync(fd);
    }
  }

  /** Pieces end at multiples of their size, so that no unit of the storage below is cut. */
  private static long endOfPiece(long at, long end) {
    return Math.min(end, (at / RANGE_PIECE + 1) * RANGE_PIECE);
  }

  private void zero(int fd, long offset, long length, Set<WriteOption> options)
      throws DeviceException {
    int result = allocation.zero(fd, offset, length, options);
    if (!Errno.EOPNOTSUPP.is(result) || options.contains(WriteOption.FAST_ONLY)) {
      check(result, "write zeroes of", length, offset);
      return;
    }
    for (long done = 0; done < length; done += PIECE) {
      long piece = Math.min(PIECE, length - done);
      writeFully(fd, ZEROES.asSlice(0, piece), offset + done, false);
    }
  }

  /** A short transfer goes on at a whole unit: elsewhere direct I/O would refuse. */
  private long wholeUnits(long count, long wanted) {
    return count == wanted ? count : count - count % sizes.minimum();
  }

  /**
   * In the page cache, one failed fdatasync is all that is ever said about a lost write, and to one
   * caller only. So it is called by one thread at a time there, and its failure is kept.
   */
  private void sync(int fd) throws DeviceException {
    if (file.direct()) {
      checkSync(Libc.fdatasync(fd));
      return;
    }
    synchronized (syncing) {
      if (failedSync != null) {
        throw new DeviceException(
            failedSync.failure(),
            "an earlier flush of %s failed, and what it lost is not known: open it anew"
                .formatted(name),
            failedSync);
      }
      try {
        checkSync(Libc.fdatasync(fd));
      } catch (DeviceException e) {
        failedSync = e;
        throw e;
      }
    }
  }

  private void checkSync(int result) throws DeviceException {
    if (result < 0) {
      throw Errno.exception(result, "fdatasync of " + name);
    }
  }

  private void check(long result, String call, long length, long offset) throws DeviceException {
    if (result < 0) {
      throw Errno.exception(
          result, "%s %d bytes at %d of %s".formatted(call, length, offset, name));
    }
  }
}
