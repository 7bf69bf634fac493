package io.mirrorctl.core.bitmap;

import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapHeaderCodec;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;

/**
 * The slot as the members hold it: its header and bits, and when they are durable.
 *
 * <p>Threading: with the lock held, except where a method says otherwise.
 */
final class DurableSlot implements GroupCommit.Source {
  private final GroupCommit commit;
  private final SlotBits bits;

  /** Pages whose image lost bits since it last went out. */
  private final BitSet cleared = new BitSet();

  /** How often a member was given a copy, and how often it had been when a page was encoded. */
  private int copies;

  private final Map<Integer, Integer> encodedAfter = new HashMap<>();

  private volatile BitmapHeader header;

  private BitmapHeader encodedHeader;

  /** Null until the header has been written once. */
  private BitmapHeader durableHeader;

  DurableSlot(
      ReentrantLock lock, long chunks, BitmapHeader header, BitmapStorage storage, Env env) {
    this.header = header;
    this.bits = new SlotBits(chunks);
    this.commit = new GroupCommit(lock, bits.pages(), storage, env, this);
  }

  /** The newest header, durable or not. From any thread. */
  BitmapHeader header() {
    return header;
  }

  SlotBits bits() {
    return bits;
  }

  /** Sets the bit and lets its page go out unless the bit is stable. */
  void set(long chunk) {
    bits.set(chunk);
    if (!bits.areStable(chunk, chunk)) {
      commit.want(SlotBits.pageOf(chunk));
    }
  }

  /** Sets those of 64 bits that stand for a chunk, and returns them. */
  long merge(int word, long ones) {
    long merged = bits.merge(word, ones);
    if (!bits.isStableWord(word)) {
      commit.want(SlotBits.pageOf((long) word * Long.SIZE));
    }
    return merged;
  }

  /** Clears the bit; its page goes out with {@link #writeCleared} or for another reason. */
  void clear(long chunk) {
    bits.clear(chunk);
    cleared.set(SlotBits.pageOf(chunk));
  }

  /** Returns when the bits of these chunks, which are set, are durable; both ends included. */
  void awaitDurable(long first, long last) throws IOException {
    commit.await(() -> bits.areStable(first, last));
  }

  /** Writes the pages that lost bits, and those that an earlier failure left unwritten. */
  void writeCleared() throws IOException {
    BitSet pages = commit.wanted();
    pages.or(cleared);
    commit.write(pages);
  }

  void writeAll() throws IOException {
    BitSet all = new BitSet();
    all.set(0, bits.pages());
    commit.write(all);
  }

  /** Changes the header; returns when page 0 is durable with it. */
  void updateHeader(UnaryOperator<BitmapHeader> change) throws IOException {
    header = change.apply(header);
    BitSet first = new BitSet();
    first.set(0);
    commit.write(first);
  }

  /** Whether bits may be cleared at these events: a header that says so is on all members. */
  boolean isClearedAtLeast(long events) {
    return durableHeader != null && durableHeader.eventsCleared() >= events;
  }

  /** Threads that wait for pages. */
  int waiting() {
    return commit.waiting();
  }

  /** Milliseconds for which pages have been under way to the members; empty if none are. */
  OptionalLong pagesUnderWay() {
    return commit.underWay();
  }

  void resize(long chunks) {
    bits.resize(chunks);
    commit.resize(bits.pages());
    cleared.clear(bits.pages(), Math.max(bits.pages(), cleared.length()));
  }

  /** Pages that are on their way now do not reach the new member: they count for nothing. */
  void copyTo(WriteIntentBitmap.PageSink sink) throws IOException {
    copies++;
    ByteBuffer image = AlignedBuffers.shared().acquire(BitmapPage.BYTES);
    try {
      for (int page = 0; page < bits.pages(); page++) {
        copyPage(page, image);
        sink.page(page, image);
      }
    } finally {
      AlignedBuffers.shared().release(image);
    }
  }

  /** The page as it would be written now, from 0 to the buffer's limit. */
  void copyPage(int page, ByteBuffer image) {
    image.clear().put(new byte[BitmapPage.BYTES]).clear();
    if (page == 0) {
      BitmapHeaderCodec.encodeInto(image, header);
    }
    bits.copy(page, image);
    image.clear().limit(BitmapPage.BYTES);
  }

  @Override
  public void encode(int page, ByteBuffer into) {
    if (page == 0) {
      encodedHeader = header;
      BitmapHeaderCodec.encodeInto(into, header);
    }
    bits.encode(page, into);
    cleared.clear(page);
    encodedAfter.put(page, copies);
  }

  @Override
  public void landed(int page, ByteBuffer image) {
    if (!encodedAfter.get(page).equals(copies)) {
      commit.want(page);
      return;
    }
    if (page == 0) {
      durableHeader = encodedHeader;
    }
    bits.landed(page, image);
  }
}
