package io.mirrorctl.core.block;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;

/**
 * A device of fixed size that is read and written in blocks: a member disk, or a whole array seen
 * by its clients.
 *
 * <p>Units: offsets and lengths are bytes. A request must lie inside the device and be a multiple
 * of {@link BlockSizes#minimum()}, else {@link DeviceException} of kind {@link IoFailure#INVALID};
 * the device is unchanged then.
 *
 * <p>Threading: every method may be called from any number of threads at once. Calls block. A
 * thread that is interrupted before its request was submitted gets {@link
 * java.io.InterruptedIOException} and nothing was written; once submitted, a request runs to its
 * end whatever the interrupt status.
 *
 * <p>Ordering: requests in flight at the same time may take effect in any order. A write is
 * readable when it returns and survives a power cut after a {@link #flush} that started later, or
 * at once with {@link WriteOption#DURABLE}.
 *
 * <p>Failure: {@link DeviceException} says what kind of error it was. After a failed flush nothing
 * written since the last good one may be taken as durable.
 */
public interface BlockDevice extends Closeable {

  /** A name for people: a path or a URL. */
  String name();

  /** The size in bytes, a multiple of {@link BlockSizes#minimum()}. */
  long sizeBytes();

  /**
   * Looks at the storage again, which may have grown since it was opened, and returns {@link
   * #sizeBytes} as it is from then on. Never makes a device smaller.
   */
  default long remeasure() throws IOException {
    return sizeBytes();
  }

  /** The request sizes this device takes. */
  BlockSizes blockSizes();

  /** What this device can do beyond reading, writing and flushing. */
  Set<DeviceFeature> features();

  /**
   * Fills the remaining bytes of {@code into} from {@code offset}; the position ends at the limit.
   */
  void read(long offset, ByteBuffer into) throws IOException;

  /**
   * Writes the remaining bytes of {@code from} at {@code offset}; the position ends at the limit.
   */
  void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException;

  /** Returns when every write that returned before this call is on stable storage. */
  void flush() throws IOException;

  /**
   * Tells the device that the range holds nothing of value. What it reads as afterwards is zeroes
   * if the device has {@link DeviceFeature#DISCARD_ZEROES}, else undefined.
   */
  void discard(long offset, long length, Set<WriteOption> options) throws IOException;

  /** Makes the range read as zeroes. */
  void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException;

  /**
   * How the range is allocated: adjoining extents that begin at {@code offset} and cover at least
   * one byte and at most {@code length} bytes. A device that does not know says that all is data.
   */
  default List<Extent> extents(long offset, long length) throws IOException {
    return List.of(new Extent(length, false, false));
  }

  /** Releases the device; requests that come later fail with kind {@link IoFailure#CLOSED}. */
  @Override
  void close() throws IOException;

  /**
   * A run of bytes with one allocation state, as NBD's {@code base:allocation} reports it.
   *
   * @param length bytes
   * @param hole true if no storage is allocated
   * @param zero true if the run is known to read as zeroes
   */
  record Extent(long length, boolean hole, boolean zero) {}
}
