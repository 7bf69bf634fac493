package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.BlockDevice.Extent;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;

/**
 * One request from the call that made it to its end, over as many connections as that takes.
 *
 * <p>Threading: made and awaited by the calling thread. In between it is owned by whoever has it in
 * hand: the connection it was submitted to, or the {@link ServerLink} between two connections. The
 * caller's buffer is used directly, and by nobody any more once the call returns.
 */
final class NbdRequest {
  /** Why a request failed. */
  record Failure(IoFailure kind, String text, Throwable cause) {
    Failure(IoFailure kind, String text) {
      this(kind, text, null);
    }
  }

  private static final int MAX_EXTENTS = 64 << 10;

  final int command;
  final long offset;
  final int length;

  /** What is written, or where to what is read; null for the other commands. */
  private final ByteBuffer data;

  private final int flags;
  private final boolean flushAfter;
  private final Thread caller = Thread.currentThread();

  // the attempt on the present connection
  private boolean flushing;
  private long flushMark;
  private ReadCoverage coverage;
  private List<Extent> extents;
  private boolean extentsCut;
  private Failure refusal;

  // across connections
  private boolean sent;
  private long lostAtNanos;
  private boolean lostBefore;

  // the end
  private Failure failure;
  private volatile boolean done;

  private NbdRequest(
      int command, int flags, long offset, int length, ByteBuffer data, boolean flushAfter) {
    this.command = command;
    this.flags = flags;
    this.offset = offset;
    this.length = length;
    this.data = data;
    this.flushAfter = flushAfter;
  }

  static NbdRequest read(long offset, ByteBuffer into) {
    return new NbdRequest(Nbd.CMD_READ, 0, offset, into.remaining(), into.slice(), false);
  }

  static NbdRequest write(long offset, ByteBuffer from, boolean durable, ServerExport export) {
    return change(Nbd.CMD_WRITE, 0, offset, from.remaining(), from.slice(), durable, export);
  }

  static NbdRequest trim(long offset, int length, boolean durable, ServerExport export) {
    return change(Nbd.CMD_TRIM, 0, offset, length, null, durable, export);
  }

  /**
   * @param flags NO_HOLE and FAST_ZERO, as wanted
   */
  static NbdRequest writeZeroes(
      long offset, int length, int flags, boolean durable, ServerExport export) {
    return change(Nbd.CMD_WRITE_ZEROES, flags, offset, length, null, durable, export);
  }

  private static NbdRequest change(
      int command,
      int flags,
      long offset,
      int length,
      ByteBuffer data,
      boolean durable,
      ServerExport export) {
    boolean fua = durable && export.has(Nbd.FLAG_SEND_FUA);
    int allFlags = flags | (fua ? Nbd.CMD_FLAG_FUA : 0);
    return new NbdRequest(command, allFlags, offset, length, data, durable && !fua);
  }

  static NbdRequest flush() {
    return new NbdRequest(Nbd.CMD_FLUSH, 0, 0, 0, null, false);
  }

  static NbdRequest blockStatus(long offset, int length) {
    return new NbdRequest(Nbd.CMD_BLOCK_STATUS, 0, offset, length, null, false);
  }

  // ---- sending -----------------------------------------------------------------------------

  /** Forgets what an earlier connection has answered: the request will be sent anew. */
  void startAttempt() {
    flushing = false;
    coverage = null;
    extents = null;
    extentsCut = false;
    refusal = null;
  }

  /**
   * The next thing is {@link #putHeader}.
   *
   * @param mark from {@link UnflushedWrites#beforeFlush}, taken just now
   */
  void aboutToBeSent(long mark) {
    sent = true;
    flushMark = mark;
  }

  /** Puts the header on the wire. */
  void putHeader(ByteBuffer out, long cookie) {
    out.putInt(Nbd.REQUEST_MAGIC);
    out.putShort((short) (flushing ? 0 : flags));
    out.putShort((short) wireCommand());
    out.putLong(cookie);
    out.putLong(flushing ? 0 : offset);
    out.putInt(flushing ? 0 : length);
  }

  /** What follows the header on the wire; null if nothing does. */
  ByteBuffer payload() {
    return wireCommand() == Nbd.CMD_WRITE ? data.duplicate() : null;
  }

  /** The command that is on the wire now. */
  int wireCommand() {
    return flushing ? Nbd.CMD_FLUSH : command;
  }

  /** Bytes that the present command moves in either direction. */
  int payloadBytes() {
    return wireCommand() == Nbd.CMD_WRITE || wireCommand() == Nbd.CMD_READ ? length : 0;
  }

  // ---- being answered ----------------------------------------------------------------------

  /** A window on the caller's buffer for bytes that the answer brings. */
  ByteBuffer sink(int start, int size) {
    return data.slice(start, size);
  }

  /** Notes a chunk of a read's answer; see {@link ReadCoverage#add}. */
  void cover(long absoluteOffset, long size) throws ProtocolViolation {
    if (coverage == null) {
      coverage = new ReadCoverage(length);
    }
    coverage.add(absoluteOffset - offset, size);
  }

  /** Whether a read's answer is whole. */
  boolean covered() {
    return coverage != null && coverage.complete();
  }

  /** Begins the list of extents. */
  void startExtents() throws ProtocolViolation {
    if (extents != null) {
      throw new ProtocolViolation("two answers to one question for extents");
    }
    extents = new ArrayList<>();
  }

  /** Adds an extent, as long as there are not too many; those from the first one on are enough. */
  void addExtent(Extent extent) {
    int last = extents.size() - 1;
    if (extentsCut) {
      return;
    }
    if (last >= 0
        && extents.get(last).hole() == extent.hole()
        && extents.get(last).zero() == extent.zero()) {
      long merged = extents.get(last).length() + extent.length();
      extents.set(last, new Extent(merged, extent.hole(), extent.zero()));
    } else if (extents.size() < MAX_EXTENTS) {
      extents.add(extent);
    } else {
      extentsCut = true;
    }
  }

  /** The extents of the answer; null if there were none. */
  List<Extent> extents() {
    return extents;
  }

  /** The server says that the request failed. */
  void refuse(Failure why) {
    if (refusal == null) {
      refusal = why;
    }
  }

  /** Whether an error has come. */
  boolean refused() {
    return refusal != null;
  }

  /**
   * Takes the end of an answer into account.
   *
   * @return whether the request is over; false if it has to be sent once more, as a flush
   */
  boolean answered(UnflushedWrites unflushed) {
    if (refused()) {
      return true;
    }
    if (wireCommand() == Nbd.CMD_FLUSH) {
      unflushed.flushed(flushMark);
    } else if (flushAfter) {
      flushing = true;
      return false;
    } else if (changes() && (flags & Nbd.CMD_FLAG_FUA) == 0) {
      unflushed.answered();
    }
    return true;
  }

  private boolean changes() {
    return command == Nbd.CMD_WRITE || command == Nbd.CMD_TRIM || command == Nbd.CMD_WRITE_ZEROES;
  }

  // ---- between connections -----------------------------------------------------------------

  /** Notes that a connection broke under this request. Only the first time counts. */
  void lost(long nowNanos) {
    if (!lostBefore) {
      lostBefore = true;
      lostAtNanos = nowNanos;
    }
  }

  boolean lostBefore() {
    return lostBefore;
  }

  long lostAtNanos() {
    return lostAtNanos;
  }

  /** Whether a byte of this request may have reached a server. */
  boolean maybeSent() {
    return sent;
  }

  // ---- the end -----------------------------------------------------------------------------

  /** The answer is whole; wakes the caller. */
  void complete() {
    end(refusal);
  }

  /** No answer will come; wakes the caller. */
  void fail(Failure why) {
    end(why);
  }

  private void end(Failure why) {
    failure = why;
    done = true;
    LockSupport.unpark(caller);
  }

  /**
   * Waits for the end, whatever the interrupt status, which is kept.
   *
   * @param withdraw asked when the thread is interrupted: whether the request could be taken back,
   *     as no server has seen it
   * @param name the device, for messages
   */
  void await(Predicate<NbdRequest> withdraw, String name)
      throws DeviceException, InterruptedIOException {
    boolean interrupted = false;
    try {
      while (!done) {
        LockSupport.park(this);
        if (Thread.interrupted()) {
          interrupted = true;
          if (!done && withdraw.test(this)) {
            throw new InterruptedIOException(
                name + ": interrupted before the " + this + " was sent");
          }
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    if (failure != null) {
      throw new DeviceException(
          failure.kind(), "%s: %s: %s".formatted(name, this, failure.text()), failure.cause());
    }
  }

  /** The request in words. */
  @Override
  public String toString() {
    String what =
        switch (command) {
          case Nbd.CMD_READ -> "read";
          case Nbd.CMD_WRITE -> "write";
          case Nbd.CMD_TRIM -> "discard";
          case Nbd.CMD_WRITE_ZEROES -> "write of zeroes";
          case Nbd.CMD_BLOCK_STATUS -> "question for extents";
          default -> "flush";
        };
    return command == Nbd.CMD_FLUSH ? what : "%s of %d bytes at %d".formatted(what, length, offset);
  }
}
