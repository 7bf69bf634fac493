package io.mirrorctl.core.bitmap;

import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * A counter for each chunk of the array, in pages that exist only while one of their counters is
 * not zero.
 *
 * <p>Threading: reading and the changes of {@link CounterPage} from any thread; adding and removing
 * pages under the bitmap's lock.
 */
final class ChunkCounters {
  private volatile AtomicReferenceArray<CounterPage> pages;

  ChunkCounters(long chunks) {
    pages = new AtomicReferenceArray<>(pagesFor(chunks));
  }

  private static int pagesFor(long chunks) {
    return Math.toIntExact(Math.ceilDiv(chunks, CounterPage.CHUNKS));
  }

  static int indexOf(long chunk) {
    return (int) (chunk % CounterPage.CHUNKS);
  }

  int pages() {
    return pages.length();
  }

  CounterPage page(int number) {
    return pages.get(number);
  }

  /** The page of this chunk; null if all its counters are zero. */
  CounterPage pageOf(long chunk) {
    return pages.get((int) (chunk / CounterPage.CHUNKS));
  }

  /** The page of this chunk, made if it is missing. Bitmap's lock held. */
  CounterPage ensurePageOf(long chunk) {
    int number = (int) (chunk / CounterPage.CHUNKS);
    CounterPage page = pages.get(number);
    if (page == null) {
      page = new CounterPage();
      pages.set(number, page);
    }
    return page;
  }

  /** Forgets a page whose counters are all zero. Bitmap's lock held. */
  void removePage(int number) {
    pages.set(number, null);
  }

  int word(long chunk) {
    CounterPage page = pageOf(chunk);
    return page == null ? 0 : page.word(indexOf(chunk));
  }

  /** Whether nothing is known of the chunk: its bit is clear. */
  boolean isZero(long chunk) {
    return word(chunk) == 0;
  }

  /** Counts one more writer, unless the counter is zero or full. */
  boolean begin(long chunk) {
    CounterPage page = pageOf(chunk);
    return page != null && page.begin(indexOf(chunk));
  }

  /** The first chunk from this one on that has to be copied. */
  OptionalLong nextNeeded(long from, long chunks) {
    for (long chunk = from; chunk < chunks; ) {
      CounterPage page = pageOf(chunk);
      if (page == null) {
        chunk += CounterPage.CHUNKS - indexOf(chunk);
      } else if ((page.word(indexOf(chunk)) & CounterPage.NEEDED) != 0) {
        return OptionalLong.of(chunk);
      } else {
        chunk++;
      }
    }
    return OptionalLong.empty();
  }

  /** How many chunks have to be copied or are being copied. */
  long needed() {
    long needed = 0;
    for (int number = 0; number < pages.length(); number++) {
      CounterPage page = pages.get(number);
      for (int i = 0; page != null && i < CounterPage.CHUNKS; i++) {
        needed += CounterPage.isNeeded(page.word(i)) ? 1 : 0;
      }
    }
    return needed;
  }

  /** Whether a write is under way in this chunk or one behind it. */
  boolean isWritingFrom(long chunk) {
    for (long c = chunk; c < (long) pages() * CounterPage.CHUNKS; c++) {
      CounterPage page = pageOf(c);
      if (page == null) {
        c += CounterPage.CHUNKS - 1 - indexOf(c);
      } else if (CounterPage.isWriting(page.word(indexOf(c)))) {
        return true;
      }
    }
    return false;
  }

  /** Makes room for more chunks, or forgets the last ones. Bitmap's lock held. */
  void resize(long chunks) {
    var old = pages;
    var resized = new AtomicReferenceArray<CounterPage>(pagesFor(chunks));
    for (int i = 0; i < Math.min(old.length(), resized.length()); i++) {
      resized.set(i, old.get(i));
    }
    int rest = indexOf(chunks);
    CounterPage last = rest == 0 ? null : resized.get(resized.length() - 1);
    for (int i = rest; last != null && i < CounterPage.CHUNKS; i++) {
      last.drop(i);
    }
    pages = resized;
  }
}
