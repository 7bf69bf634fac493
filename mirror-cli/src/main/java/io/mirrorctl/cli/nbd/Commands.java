package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * Carries out requests that passed the {@link Rules} on the device.
 *
 * <p>Threading: safe from any thread; a call blocks as long as the device does.
 *
 * <p>Failure: every error of the device, also an unexpected one, is a {@link Reply.Failed}; the
 * connection goes on.
 */
final class Commands {
  private static final System.Logger LOG = System.getLogger(Commands.class.getName());

  /** More than enough for a client to go on with; it asks again for the rest. */
  private static final int MOST_DESCRIPTORS = 1 << 14;

  /** What one call zeroes or discards, so that a cancelled connection does not go on for long. */
  private static final long LONGEST_STEP = 1L << 30;

  /** What a cache request reads in one go, and at most. */
  static final int CACHE_STEP = 1 << 20;

  private static final long CACHE_LIMIT = 32L << 20;

  private final BlockDevice device;
  private final AlignedBuffers memory;

  /** Whether the client takes structured replies, and so holes in what it reads. */
  private final boolean structured;

  Commands(BlockDevice device, AlignedBuffers memory, boolean structured) {
    this.device = device;
    this.memory = memory;
    this.structured = structured;
  }

  /** Executes a request and gives back its payload. */
  Reply execute(Request request) {
    try {
      return switch (request.type()) {
        case Nbd.CMD_READ -> read(request);
        case Nbd.CMD_WRITE -> write(request);
        case Nbd.CMD_FLUSH -> {
          device.flush();
          yield new Reply.Done(request);
        }
        case Nbd.CMD_TRIM -> trim(request);
        case Nbd.CMD_WRITE_ZEROES -> writeZeroes(request);
        case Nbd.CMD_CACHE -> cache(request);
        case Nbd.CMD_BLOCK_STATUS -> blockStatus(request);
        default -> throw new IllegalStateException("command " + request.type());
      };
    } catch (IOException e) {
      LOG.log(Level.DEBUG, () -> "%s: %s: %s".formatted(device.name(), describe(request), e));
      return new Reply.Failed(request, Fault.of(e, request));
    } catch (OutOfMemoryError e) {
      LOG.log(Level.ERROR, () -> device.name() + ": " + describe(request), e);
      return new Reply.Failed(request, new Fault(Nbd.ENOMEM, "the server is out of memory"));
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, () -> device.name() + ": " + describe(request), e);
      return new Reply.Failed(request, new Fault(Nbd.EIO, "internal error: " + e));
    } finally {
      if (request.payload() != null) {
        memory.release(request.payload());
      }
    }
  }

  private Reply read(Request request) throws IOException {
    int length = (int) request.length();
    if (length == 0) {
      return new Reply.Done(request);
    }
    ByteBuffer payload = memory.acquire(length);
    boolean done = false;
    try {
      fill(request.offset(), payload);
      List<Reply.Run> runs =
          structured && !request.has(Nbd.CMD_FLAG_DF)
              ? ZeroRuns.of(payload)
              : List.of(new Reply.Run(0, length, false));
      done = true;
      return new Reply.Data(request, payload, runs);
    } finally {
      if (!done) {
        memory.release(payload);
      }
    }
  }

  /** Reads as much as the buffer holds; it is ready to be read from afterwards. */
  private void fill(long offset, ByteBuffer into) throws IOException {
    int length = into.limit();
    int step = device.blockSizes().maximum();
    for (int at = 0; at < length; at = into.limit()) {
      into.limit(at + Math.min(step, length - at));
      device.read(offset + at, into);
      checkAllUsed(into);
    }
    into.flip();
  }

  private Reply write(Request request) throws IOException {
    ByteBuffer data = request.payload();
    if (data == null) {
      return new Reply.Done(request);
    }
    Set<WriteOption> options = options(request);
    int length = data.limit();
    int step = device.blockSizes().maximum();
    for (int at = 0; at < length; at = data.limit()) {
      data.limit(at + Math.min(step, length - at));
      device.write(request.offset() + at, data, options);
      checkAllUsed(data);
    }
    return new Reply.Done(request);
  }

  private void checkAllUsed(ByteBuffer data) throws DeviceException {
    if (data.hasRemaining()) {
      throw new DeviceException(
          IoFailure.OTHER,
          "%s left %d bytes of a request undone".formatted(device.name(), data.remaining()));
    }
  }

  private Reply trim(Request request) throws IOException {
    Set<WriteOption> options = options(request);
    for (long at = 0; at < request.length(); at += LONGEST_STEP) {
      device.discard(request.offset() + at, Math.min(LONGEST_STEP, request.length() - at), options);
    }
    return new Reply.Done(request);
  }

  private Reply writeZeroes(Request request) throws IOException {
    Set<WriteOption> options = options(request);
    if (request.has(Nbd.CMD_FLAG_FAST_ZERO)) {
      // in one call, as a refusal must come before anything was changed
      if (request.length() > 0) {
        device.writeZeroes(request.offset(), request.length(), options);
      }
      return new Reply.Done(request);
    }
    for (long at = 0; at < request.length(); at += LONGEST_STEP) {
      device.writeZeroes(
          request.offset() + at, Math.min(LONGEST_STEP, request.length() - at), options);
    }
    return new Reply.Done(request);
  }

  /** Reads the range through whatever caches lie below, as far as that is reasonable. */
  private Reply cache(Request request) throws IOException {
    long end = request.offset() + Math.min(request.length(), CACHE_LIMIT);
    if (end == request.offset()) {
      return new Reply.Done(request);
    }
    ByteBuffer scratch = memory.acquire((int) Math.min(end - request.offset(), CACHE_STEP));
    try {
      for (long at = request.offset(); at < end; at += CACHE_STEP) {
        scratch.clear().limit((int) Math.min(CACHE_STEP, end - at));
        fill(at, scratch);
      }
    } finally {
      memory.release(scratch);
    }
    return new Reply.Done(request);
  }

  private Reply blockStatus(Request request) throws IOException {
    List<BlockDevice.Extent> extents = device.extents(request.offset(), request.length());
    int most = request.has(Nbd.CMD_FLAG_REQ_ONE) ? 1 : MOST_DESCRIPTORS;
    return new Reply.Status(
        request, Descriptors.of(extents, request.length(), device.blockSizes().minimum(), most));
  }

  private static Set<WriteOption> options(Request request) {
    boolean durable = request.has(Nbd.CMD_FLAG_FUA);
    if ((request.flags() & ~Nbd.CMD_FLAG_FUA) == 0) {
      return durable ? WriteOption.ONLY_DURABLE : WriteOption.NONE;
    }
    EnumSet<WriteOption> options = EnumSet.noneOf(WriteOption.class);
    if (durable) {
      options.add(WriteOption.DURABLE);
    }
    if (request.has(Nbd.CMD_FLAG_NO_HOLE)) {
      options.add(WriteOption.KEEP_ALLOCATED);
    }
    if (request.has(Nbd.CMD_FLAG_FAST_ZERO)) {
      options.add(WriteOption.FAST_ONLY);
    }
    return options;
  }

  private static String describe(Request request) {
    return "command %d, %d bytes at %d"
        .formatted(request.type(), request.length(), request.offset());
  }
}
