package io.mirrorctl.core.bitmap;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapGeometry;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.SlotImage;
import io.mirrorctl.core.format.SlotImage.ChunkRange;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;

/**
 * Which chunks of the array may differ between its members: the write-intent bitmap of one slot.
 *
 * <p>Contract: while a write is between {@link #startWrite} and {@link #endWrite}, and after it
 * until everything has been flushed while all roles are in sync, the bits of its chunks are durable
 * on every member. A bit on disk may be set without need; it is never clear in error. A chunk that
 * has to be copied is <em>needed</em>; it keeps its bit until the copy has ended well.
 *
 * <p>Units: ranges are in sectors of 512 bytes from the start of the array's data, chunks count
 * from 0. A range that reaches behind the array is refused with {@link IllegalArgumentException}.
 *
 * <p>Threading: every method may be called from any number of threads at once. A write into chunks
 * whose bits are durable takes no lock. Only {@link #startWrite}, {@link #markNeeded}, {@link
 * #sweep}, {@link #flushClean}, {@link #updateHeader}, {@link #rewriteAll} and {@link #resize} do
 * I/O; a thread that waits in them may be interrupted and gets {@link InterruptedIOException} with
 * its interrupt status set, while pages that are being written go on to their end.
 *
 * <p>Failure: if pages cannot be written, the threads that wait for them get an {@link
 * IOException}, and the next one that needs the bitmap tries again.
 */
public final class WriteIntentBitmap {
  /** Chunks handled in one hold of the lock. */
  private static final int STRETCH = 64 * 1024;

  /** Guards counters that leave or reach zero, and the slot. Held during no I/O. */
  private final ReentrantLock lock = new ReentrantLock();

  /** One sweep or resize at a time; taken before {@link #lock}. */
  private final ReentrantLock sweeping = new ReentrantLock();

  private final ChunkCounters counters;
  private final DurableSlot slot;
  private final OpenWrites writes;
  private final Sweep sweep;
  private volatile BitmapGeometry geometry;

  /**
   * A bitmap in which no bit is set and nothing is known about the members' copies of it.
   *
   * @param geometry size and chunk
   * @param header what page 0 will say from its next write on, of the same geometry
   */
  public WriteIntentBitmap(
      BitmapGeometry geometry, BitmapHeader header, BitmapStorage storage, Env env) {
    checkSameGeometry(geometry, header);
    this.geometry = geometry.requireSupported();
    counters = new ChunkCounters(geometry.chunks());
    slot = new DurableSlot(lock, geometry.chunks(), header, storage, env);
    writes = new OpenWrites(lock, counters, slot);
    sweep = new Sweep(lock, slot, counters, storage);
  }

  private static void checkSameGeometry(BitmapGeometry geometry, BitmapHeader header) {
    checkArgument(
        header.syncSize() == geometry.syncSizeSectors()
            && header.chunksize() == geometry.chunkBytes(),
        "bitmap header %s is not of %s",
        header,
        geometry);
  }

  /**
   * Adds the bits of a slot as it is on a member, this one's or another's. Every bit set there is
   * then set and needed here, but durable only after {@link #rewriteAll}, which has to come before
   * any copy.
   *
   * @param bits as {@link SlotImage#bits} has them, of the same geometry; its position does not
   *     move, and bits behind the last chunk are ignored
   */
  public void load(ByteBuffer bits) {
    checkArgument(
        bits.remaining() == geometry.bitmapBytes(),
        "%s bytes of bits for %s",
        bits.remaining(),
        geometry);
    ByteBuffer from = bits.slice().order(ByteOrder.LITTLE_ENDIAN);
    while (from.hasRemaining()) {
      int bytes = Math.min(from.remaining(), STRETCH / Byte.SIZE);
      lock.lock();
      try {
        merge(from.position() / Long.BYTES, from.slice(from.position(), bytes));
      } finally {
        lock.unlock();
      }
      from.position(from.position() + bytes);
    }
  }

  private void merge(int firstWord, ByteBuffer from) {
    from.order(ByteOrder.LITTLE_ENDIAN);
    for (int word = firstWord; from.hasRemaining(); word++) {
      long ones = 0;
      if (from.remaining() >= Long.BYTES) {
        ones = from.getLong();
      } else {
        for (int shift = 0; from.hasRemaining(); shift += Byte.SIZE) {
          ones |= (from.get() & 0xffL) << shift;
        }
      }
      for (long left = slot.merge(word, ones); left != 0; left &= left - 1) {
        need((long) word * Long.SIZE + Long.numberOfTrailingZeros(left));
      }
    }
  }

  /** Lock held. */
  private void need(long chunk) {
    counters.ensurePageOf(chunk).need(ChunkCounters.indexOf(chunk));
  }

  /**
   * Counts a write into each chunk of the range, and returns when all their bits are durable: only
   * then may its data go to a member. Every successful call is followed by one {@link #endWrite} of
   * the same range. Waits while a chunk has as many writers as its counter can hold, 16381.
   *
   * @throws IOException if the bits could not be made durable; nothing is counted then
   */
  public void startWrite(SectorRange range) throws IOException {
    if (range.isEmpty()) {
      return;
    }
    BitmapGeometry now = geometry;
    writes.start(now.firstChunk(range), now.lastChunk(range));
  }

  /**
   * Counts the write out.
   *
   * @param onAllMembers false if the write failed, or missed data on a member that stays: its
   *     chunks become needed
   */
  public void endWrite(SectorRange range, boolean onAllMembers) {
    if (range.isEmpty()) {
      return;
    }
    BitmapGeometry now = geometry;
    writes.end(now.firstChunk(range), now.lastChunk(range), !onAllMembers);
  }

  /** The first chunk from this one on that has to be copied and is not being copied. */
  public OptionalLong nextNeeded(long fromChunk) {
    return counters.nextNeeded(fromChunk, geometry.chunks());
  }

  /**
   * Whether a chunk of the range has to be copied or is being copied; what lies behind the last
   * chunk counts as needed.
   */
  public boolean isAnyNeeded(SectorRange range) {
    BitmapGeometry now = geometry;
    if (range.isEmpty()) {
      return false;
    }
    if (range.end() > now.syncSizeSectors()) {
      return true;
    }
    long last = now.lastChunk(range);
    for (long chunk = now.firstChunk(range); chunk <= last; chunk++) {
      if (CounterPage.isNeeded(counters.word(chunk))) {
        return true;
      }
    }
    return false;
  }

  private long checkChunk(long chunk) {
    return Objects.checkIndex(chunk, geometry.chunks());
  }

  /**
   * A copy of the chunk begins; to be called before its source is read.
   *
   * @return whether it has to be copied
   */
  public boolean startSync(long chunk) {
    CounterPage page = counters.pageOf(checkChunk(chunk));
    return page != null && page.startSync(ChunkCounters.indexOf(chunk));
  }

  /**
   * The copy of the chunk has ended. If it is to be copied again, because the copy failed or
   * because {@link #endWrite}, {@link #markNeeded} or {@link #markDirtyNeeded} said so meanwhile,
   * it is needed again. Does nothing for a chunk that is not being copied.
   *
   * @param copied true if all members that are written now hold the same data
   */
  public void endSync(long chunk, boolean copied) {
    CounterPage page = counters.pageOf(checkChunk(chunk));
    if (page != null) {
      page.endSync(ChunkCounters.indexOf(chunk), copied);
    }
  }

  /**
   * Makes these chunks needed, once their bits are durable. If it throws, the last of them are not
   * needed.
   */
  public void markNeeded(SectorRange range) throws IOException {
    if (range.isEmpty()) {
      return;
    }
    BitmapGeometry now = geometry;
    long last = now.lastChunk(range);
    for (long first = now.firstChunk(range); first <= last; first += STRETCH) {
      long stretchLast = Math.min(last, first + STRETCH - 1);
      writes.start(first, stretchLast);
      writes.end(first, stretchLast, true);
    }
  }

  /**
   * Makes every chunk needed whose bit is set: when a member comes back by bitmap, once every new
   * write includes it; or when a member may have lost writes that it had not flushed, before a
   * flush of it can succeed again.
   */
  public void markDirtyNeeded() {
    long chunk = 0;
    long chunks = geometry.chunks();
    while (chunk < chunks) {
      long end = Math.min(chunks, chunk + STRETCH);
      lock.lock();
      try {
        SlotBits bits = slot.bits();
        for (chunk = bits.nextSet(chunk); chunk < end; chunk = bits.nextSet(chunk + 1)) {
          need(chunk);
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /**
   * One pass of the clearing, to be called every daemon_sleep seconds. The bit of a chunk is
   * cleared by the second pass after its last write or copy, later if the array is not in sync
   * then: behind a flush of all members, and once a header is durable whose events_cleared is the
   * superblock's events.
   */
  public void sweep() throws IOException {
    sweepWith(Sweep::pass);
  }

  /** For a clean stop: clears and writes every bit that may be cleared without waiting longer. */
  public void flushClean() throws IOException {
    sweepWith(Sweep::passToTheEnd);
  }

  @FunctionalInterface
  private interface Pass {
    void over(Sweep sweep) throws IOException;
  }

  private void sweepWith(Pass pass) throws IOException {
    lockSweeping();
    try {
      pass.over(sweep);
    } finally {
      sweeping.unlock();
    }
  }

  private void lockSweeping() throws InterruptedIOException {
    try {
      sweeping.lockInterruptibly();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while the write-intent bitmap was swept");
    }
  }

  /**
   * Changes the header, and returns when page 0 is durable with it. Size and chunk must stay, and
   * events_cleared must not go back. If page 0 cannot be written the change stays in memory.
   *
   * @param change called once with the lock held
   */
  public void updateHeader(UnaryOperator<BitmapHeader> change) throws IOException {
    lock.lock();
    try {
      slot.updateHeader(old -> checkedChange(old, change.apply(old)));
    } finally {
      lock.unlock();
    }
  }

  private static BitmapHeader checkedChange(BitmapHeader old, BitmapHeader changed) {
    checkArgument(
        changed.syncSize() == old.syncSize()
            && changed.chunksize() == old.chunksize()
            && changed.eventsCleared() >= old.eventsCleared(),
        "bitmap header must not change from %s to %s",
        old,
        changed);
    return changed;
  }

  /** Writes all pages, for a member that was added or a slot that was loaded. */
  public void rewriteAll() throws IOException {
    lock.lock();
    try {
      slot.writeAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives every page as it would be written now, bits that are not yet durable included: for a
   * member that is to receive pages from now on. Pages that are on their way elsewhere reach it
   * later.
   *
   * @param sink called with the lock held, so that no bit changes meanwhile; its buffer is used
   *     again
   */
  public void copyTo(PageSink sink) throws IOException {
    lock.lock();
    try {
      slot.copyTo(sink);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Fills the buffer, from 0 to its limit, with page 0 as it would be written now. What does not
   * overtake later pages may go to a member any time; it makes nothing durable.
   */
  public void copyFirstPage(ByteBuffer into) {
    lock.lock();
    try {
      slot.copyPage(0, into);
    } finally {
      lock.unlock();
    }
  }

  /** Takes a page. */
  @FunctionalInterface
  public interface PageSink {
    void page(int index, ByteBuffer image) throws IOException;
  }

  /**
   * Gives the bitmap another size; the chunk must stay. Chunks that are new, in whole or in part,
   * become needed. Returns when all pages are durable, the header that tells the new size last. If
   * writing fails, the new size holds in memory; the call may be repeated, or another may take the
   * size back. No chunk may be copied meanwhile.
   *
   * @throws IllegalStateException if a write is under way in a chunk that would go
   */
  public void resize(BitmapGeometry resized) throws IOException {
    checkArgument(
        resized.chunkBytes() == geometry.chunkBytes(),
        "chunk of %s bytes cannot become %s",
        geometry.chunkBytes(),
        resized.chunkBytes());
    lockSweeping();
    try {
      long unchanged = Math.min(header().syncSize(), resized.syncSizeSectors());
      changeSize(resized);
      markNeeded(new SectorRange(unchanged, resized.syncSizeSectors()));
      rewriteAll();
      lock.lock();
      try {
        slot.updateHeader(h -> h.toBuilder().syncSize(resized.syncSizeSectors()).build());
      } finally {
        lock.unlock();
      }
    } finally {
      sweeping.unlock();
    }
  }

  private void changeSize(BitmapGeometry resized) {
    lock.lock();
    try {
      long chunks = resized.chunks();
      checkState(
          !counters.isWritingFrom(chunks),
          "chunks from %s on are still written; the bitmap keeps its size",
          chunks);
      counters.resize(chunks);
      slot.resize(chunks);
      geometry = resized;
    } finally {
      lock.unlock();
    }
  }

  /** The header as the next write of page 0 has it. */
  public BitmapHeader header() {
    return slot.header();
  }

  /** Size and chunk. */
  public BitmapGeometry geometry() {
    return geometry;
  }

  /**
   * Pages that are on their way to the members.
   *
   * @param waiting threads that wait for them
   * @param millis since the first of them went out
   */
  public record PagesUnderWay(int waiting, long millis) {}

  /** What is being written at this moment; empty if nothing is. */
  public Optional<PagesUnderWay> pagesUnderWay() {
    lock.lock();
    try {
      OptionalLong millis = slot.pagesUnderWay();
      return millis.isEmpty()
          ? Optional.empty()
          : Optional.of(new PagesUnderWay(slot.waiting(), millis.getAsLong()));
    } finally {
      lock.unlock();
    }
  }

  /** How many chunks have their bit set. */
  public long dirtyChunks() {
    lock.lock();
    try {
      return slot.bits().count();
    } finally {
      lock.unlock();
    }
  }

  /** Every run of chunks whose bits are set, in rising order. */
  public List<ChunkRange> dirtyRanges() {
    return dirtyRanges(0, Integer.MAX_VALUE);
  }

  /** The first runs of chunks from this one on whose bits are set, at most so many. */
  public List<ChunkRange> dirtyRanges(long fromChunk, int limit) {
    lock.lock();
    try {
      List<ChunkRange> ranges = new ArrayList<>();
      SlotBits bits = slot.bits();
      long chunks = geometry.chunks();
      long first = bits.nextSet(fromChunk);
      while (first < chunks && ranges.size() < limit) {
        long end = bits.nextClear(first);
        ranges.add(new ChunkRange(first, end - 1));
        first = bits.nextSet(end);
      }
      return List.copyOf(ranges);
    } finally {
      lock.unlock();
    }
  }

  /** How many chunks have to be copied or are being copied; looks at every chunk that is in use. */
  public long neededChunks() {
    return counters.needed();
  }
}
