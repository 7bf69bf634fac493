package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.FencingDevice;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.VolatileDevice;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * An export of an NBD server as a device.
 *
 * <p>A connection that is lost is made anew in the background, within the retry limit of {@link
 * NbdClientConfig} without notice: requests under way are sent again. That is safe as long as
 * writes that overlap are not in flight together, which is for the user to see to. It also needs a
 * server that does not carry out a request of a connection that was replaced after those of its
 * successor; ours holds the successor back until then, others promise nothing.
 *
 * <p>Beyond the limit requests fail with {@link IoFailure#GONE}, or {@link IoFailure#TIMEOUT} if
 * the server can be reached and does not answer, and later ones fail at once. The server is still
 * looked for: once it is found again, requests are served again. An export that comes back with
 * another size, or without something this device has promised, is not taken back.
 *
 * <p>The smallest request is a sector of 512 bytes, or what the server asks for; bytes at the end
 * of an export that do not fill a block are left alone.
 *
 * <p>Discards and writes of zeroes may have any length; long ones are made in parts, and an error
 * may leave some of them done.
 */
public final class NbdDevice implements VolatileDevice, FencingDevice {
  /** The longest question for extents; the answer is a part of it anyway. */
  private static final long MAX_STATUS_BYTES = 1 << 30;

  private static final int ZERO_BYTES = 1 << 20;
  private static final ByteBuffer ZEROES = ByteBuffer.allocateDirect(ZERO_BYTES).asReadOnlyBuffer();

  private final String name;
  private final ServerLink link;
  private final ServerExport export;
  private final Set<DeviceFeature> features;

  private NbdDevice(NbdUri uri, NbdClientConfig config, ServerLink link) {
    this.name = uri.toString();
    this.link = link;
    this.export = link.export();
    this.features = Set.copyOf(export.features(config.readOnly()));
  }

  /**
   * Connects to an export.
   *
   * @throws DeviceException of kind {@link IoFailure#TIMEOUT} if the server does not answer, {@link
   *     IoFailure#GONE} if it cannot be reached or has no such export, {@link IoFailure#READ_ONLY}
   *     if the export is read-only and the configuration is not, {@link IoFailure#NOT_SUPPORTED} if
   *     it cannot serve as a disk; the message says which
   * @throws InterruptedIOException if the thread is interrupted, also before the call
   */
  public static NbdDevice connect(NbdUri uri, NbdClientConfig config, Env env) throws IOException {
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException(uri + ": interrupted before connecting");
    }
    try {
      return new NbdDevice(uri, config, ServerLink.open(uri, config, env));
    } catch (InterruptedIOException e) {
      throw e;
    } catch (DeviceException e) {
      throw new DeviceException(e.failure(), uri + ": " + Outage.words(e), e);
    } catch (IOException e) {
      throw new DeviceException(IoFailure.GONE, uri + ": " + Outage.words(e), e);
    }
  }

  /** How this device stands with its server now. */
  public NbdStatus status() {
    return link.status();
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long sizeBytes() {
    return export.usableBytes();
  }

  @Override
  public BlockSizes blockSizes() {
    return export.blockSizes();
  }

  @Override
  public Set<DeviceFeature> features() {
    return features;
  }

  @Override
  public boolean isConnected() {
    return link.status().connection() == NbdStatus.Connection.CONNECTED;
  }

  @Override
  public void acknowledgeLoss() {
    link.acknowledgeLoss();
  }

  @Override
  public Fence fence(Map<Integer, Long> victims) throws IOException {
    return link.fence(victims);
  }

  @Override
  public void fenceFirst(Map<Integer, Long> victims) {
    link.fenceFirst(victims);
  }

  @Override
  public void close() {
    link.close();
  }

  // ---- requests ----------------------------------------------------------------------------

  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    if (into.isReadOnly()) {
      throw new ReadOnlyBufferException();
    }
    checkRequest("read", offset, into.remaining(), export.blockSizes().maximum());
    if (into.hasRemaining()) {
      run(NbdRequest.read(offset, into));
    }
    into.position(into.limit());
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    checkWritable();
    checkRequest("write", offset, from.remaining(), export.blockSizes().maximum());
    if (from.hasRemaining()) {
      run(NbdRequest.write(offset, from, options.contains(WriteOption.DURABLE), export));
    }
    from.position(from.limit());
  }

  @Override
  public void flush() throws IOException {
    if (export.has(Nbd.FLAG_SEND_FLUSH)) {
      run(NbdRequest.flush());
    } else {
      // only a device that is not written to is opened without
      checkOpen();
    }
  }

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    checkWritable();
    checkRequest("discard", offset, length, Long.MAX_VALUE);
    if (!export.has(Nbd.FLAG_SEND_TRIM)) {
      // it would be advice, and nobody is there to take it
      checkOpen();
      return;
    }
    boolean durable = options.contains(WriteOption.DURABLE);
    inParts(
        offset,
        length,
        export.blockSizes().maximum(),
        (at, bytes) -> NbdRequest.trim(at, bytes, durable, export));
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    checkWritable();
    checkRequest("write of zeroes", offset, length, Long.MAX_VALUE);
    boolean durable = options.contains(WriteOption.DURABLE);
    boolean fastOnly = options.contains(WriteOption.FAST_ONLY);
    if (fastOnly && !export.has(Nbd.FLAG_SEND_FAST_ZERO)) {
      throw new DeviceException(
          IoFailure.NOT_SUPPORTED, name + ": the server cannot say whether it zeroes quickly");
    }
    if (export.has(Nbd.FLAG_SEND_WRITE_ZEROES)) {
      int flags =
          (options.contains(WriteOption.KEEP_ALLOCATED) ? Nbd.CMD_FLAG_NO_HOLE : 0)
              | (fastOnly ? Nbd.CMD_FLAG_FAST_ZERO : 0);
      inParts(
          offset,
          length,
          export.blockSizes().maximum(),
          (at, bytes) -> NbdRequest.writeZeroes(at, bytes, flags, durable, export));
    } else {
      inParts(
          offset,
          length,
          Math.min(ZERO_BYTES, export.blockSizes().maximum()),
          (at, bytes) -> NbdRequest.write(at, ZEROES.slice(0, bytes), durable, export));
    }
  }

  @Override
  public List<Extent> extents(long offset, long length) throws IOException {
    checkRequest("question for extents", offset, length, Long.MAX_VALUE);
    if (length == 0) {
      throw new DeviceException(
          IoFailure.INVALID, name + ": extents of nothing were asked for at " + offset);
    }
    if (export.allocationContext().isEmpty()) {
      return List.of(new Extent(length, false, false));
    }
    int asked = (int) Math.min(length, MAX_STATUS_BYTES);
    NbdRequest request = NbdRequest.blockStatus(offset, asked);
    run(request);
    return ExtentRounding.toBlocks(request.extents(), export.blockSizes().minimum());
  }

  // ---- common to them ----------------------------------------------------------------------

  /** What {@link #run} checks, for requests that have nothing to send. */
  private void checkOpen() throws IOException {
    link.checkOpen(name);
    checkNotInterrupted();
  }

  private void checkNotInterrupted() throws InterruptedIOException {
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException(name + ": interrupted before a request");
    }
  }

  private void run(NbdRequest request) throws IOException {
    checkNotInterrupted();
    link.submit(request);
    request.await(link::withdraw, name);
  }

  private void runFurtherPart(NbdRequest request) throws IOException {
    link.submit(request);
    request.await(_ -> false, name);
  }

  /** Makes the request for a part of a range. */
  private interface Part {
    NbdRequest request(long offset, int length);
  }

  private void inParts(long offset, long length, int most, Part part) throws IOException {
    long end = offset + length;
    for (long at = offset; at < end; ) {
      int bytes = (int) Math.min(most, end - at);
      NbdRequest request = part.request(at, bytes);
      if (at == offset) {
        run(request);
      } else {
        runFurtherPart(request);
      }
      at += bytes;
    }
  }

  private void checkWritable() throws DeviceException {
    if (features.contains(DeviceFeature.READ_ONLY)) {
      throw new DeviceException(IoFailure.READ_ONLY, name + ": the device is read-only");
    }
  }

  private void checkRequest(String what, long offset, long length, long most)
      throws DeviceException {
    int block = export.blockSizes().minimum();
    String wrong = null;
    if (offset < 0 || length < 0 || offset > sizeBytes() || length > sizeBytes() - offset) {
      wrong = "reaches outside the device of %d bytes".formatted(sizeBytes());
    } else if (offset % block != 0 || length % block != 0) {
      wrong = "is not a multiple of the block of %d bytes".formatted(block);
    } else if (length > most) {
      wrong = "is longer than %d bytes".formatted(most);
    }
    if (wrong != null) {
      throw new DeviceException(
          IoFailure.INVALID,
          "%s: %s of %d bytes at %d %s".formatted(name, what, length, offset, wrong));
    }
  }
}
