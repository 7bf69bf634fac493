package io.mirrorctl.core.bitmap;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.mirrorctl.core.format.BitmapGeometry;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;

/**
 * The bits of a slot twice: as they should be, and as every member is known to have them on stable
 * storage.
 *
 * <p>A bit is stable if the newest image of its page that was ever handed out, and the newest that
 * landed, both have it: whatever a crash does to a write in flight, the bit is read as one. So the
 * stable bits lose a bit when an image without it is encoded, and gain bits when an image has
 * landed.
 *
 * <p>Threading: everything under the bitmap's lock, except {@link #areStable}, which is for any
 * thread. At most one image of a page is out at a time.
 */
final class SlotBits {
  private static final int PAGE_WORDS = BitmapPage.BYTES / Long.BYTES;
  private static final int HEADER_WORDS = BitmapGeometry.HEADER_BYTES / Long.BYTES;
  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

  private long chunks;
  private long[] bits;
  private volatile long[] stable;
  private long set;

  SlotBits(long chunks) {
    this.chunks = chunks;
    bits = new long[words(chunks)];
    stable = new long[bits.length];
  }

  private static int words(long chunks) {
    return Math.toIntExact(Math.ceilDiv(chunks, Long.SIZE));
  }

  /** The page that holds this chunk's bit. */
  static int pageOf(long chunk) {
    return Math.toIntExact((chunk / Long.SIZE + HEADER_WORDS) / PAGE_WORDS);
  }

  int pages() {
    return pageOf(chunks - 1) + 1;
  }

  /** How many bits are set. */
  long count() {
    return set;
  }

  private static int wordOf(long chunk) {
    return (int) (chunk / Long.SIZE);
  }

  boolean get(long chunk) {
    return (bits[wordOf(chunk)] & (1L << chunk)) != 0;
  }

  void set(long chunk) {
    merge(wordOf(chunk), 1L << chunk);
  }

  void clear(long chunk) {
    if (get(chunk)) {
      bits[wordOf(chunk)] &= ~(1L << chunk);
      set--;
    }
  }

  /** Sets all of these 64 bits that stand for a chunk, and returns those. */
  long merge(int word, long ones) {
    long valid = ones & validBits(word);
    set += Long.bitCount(valid & ~bits[word]);
    bits[word] |= valid;
    return valid;
  }

  /** The first chunk from this one on whose bit is set, or the number of chunks. */
  long nextSet(long chunk) {
    return nextWith(chunk, 0);
  }

  /** The first chunk from this one on whose bit is clear, or the number of chunks. */
  long nextClear(long chunk) {
    return nextWith(chunk, -1);
  }

  private long nextWith(long chunk, long flip) {
    if (chunk >= chunks) {
      return chunks;
    }
    int word = wordOf(chunk);
    long found = (bits[word] ^ flip) & (-1L << chunk);
    while (found == 0) {
      if (++word == bits.length) {
        return chunks;
      }
      found = bits[word] ^ flip;
    }
    return Math.min(chunks, (long) word * Long.SIZE + Long.numberOfTrailingZeros(found));
  }

  private long validBits(int word) {
    long rest = chunks - (long) word * Long.SIZE;
    return rest >= Long.SIZE ? -1 : (1L << rest) - 1;
  }

  /** Whether all bits of these chunks, both ends included, are stable. */
  boolean areStable(long first, long last) {
    long[] words = stable;
    for (long chunk = first; chunk <= last; chunk++) {
      if (((long) WORD.getAcquire(words, wordOf(chunk)) & (1L << chunk)) == 0) {
        return false;
      }
    }
    return true;
  }

  /** Whether the bits of this word are all stable where they are set. */
  boolean isStableWord(int word) {
    return (bits[word] & ~stable[word]) == 0;
  }

  private static int firstWord(int page) {
    return Math.max(0, page * PAGE_WORDS - HEADER_WORDS);
  }

  private int endWord(int page) {
    return Math.min(bits.length, (page + 1) * PAGE_WORDS - HEADER_WORDS);
  }

  private static int offsetOf(int word, int page) {
    return (word + HEADER_WORDS - page * PAGE_WORDS) * Long.BYTES;
  }

  /** Writes the bits of a page, and zeroes behind the last, to where the page has them. */
  void encode(int page, ByteBuffer into) {
    into.order(LITTLE_ENDIAN);
    long[] known = stable;
    int word = firstWord(page);
    int at = offsetOf(word, page);
    for (; word < endWord(page); word++, at += Long.BYTES) {
      into.putLong(at, bits[word]);
      makeStable(known, word, known[word] & bits[word]);
    }
    for (; at < BitmapPage.BYTES; at += Long.BYTES) {
      into.putLong(at, 0);
    }
  }

  /** As {@link #encode}, with every bit that counts as durable, and only looking. */
  void copy(int page, ByteBuffer into) {
    into.order(LITTLE_ENDIAN);
    int word = firstWord(page);
    for (int at = offsetOf(word, page); word < endWord(page); word++, at += Long.BYTES) {
      into.putLong(at, bits[word] | stable[word]);
    }
  }

  /** The image that {@link #encode} made is durable on all members. */
  void landed(int page, ByteBuffer image) {
    image.order(LITTLE_ENDIAN);
    long[] known = stable;
    for (int word = firstWord(page); word < endWord(page); word++) {
      makeStable(known, word, image.getLong(offsetOf(word, page)) & validBits(word));
    }
  }

  private static void makeStable(long[] known, int word, long value) {
    if (known[word] != value) {
      WORD.setRelease(known, word, value);
    }
  }

  /** Adds chunks with clear bits, or forgets the last chunks. */
  void resize(long newChunks) {
    chunks = newChunks;
    bits = Arrays.copyOf(bits, words(newChunks));
    long[] newStable = Arrays.copyOf(stable, bits.length);
    int last = bits.length - 1;
    bits[last] &= validBits(last);
    newStable[last] &= validBits(last);
    stable = newStable;
    set = BitSet.valueOf(bits).cardinality();
  }
}
