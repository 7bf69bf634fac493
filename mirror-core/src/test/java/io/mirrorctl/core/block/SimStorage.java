package io.mirrorctl.core.block;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.random.RandomGenerator;

/**
 * The content of a simulated disk: what reads show, and for every unflushed sector what a power cut
 * may bring back instead. Not thread-safe; {@link SimDisk} guards it.
 */
final class SimStorage {
  static final int PAGE = 65536;
  private static final byte[] ZERO_PAGE = new byte[PAGE];

  /** Older versions kept of a sector that is written again and again without a flush. */
  private static final int MOST_VERSIONS = 4;

  private final int sector;

  /** What reads show; an absent page is a hole. */
  private final NavigableMap<Long, byte[]> pages = new TreeMap<>();

  /** For every sector changed since the last flush: what it was, the durable version first. */
  private final Map<Long, List<byte[]>> olderVersions = new HashMap<>();

  /** Unflushed sectors that a failed flush left behind: a later flush does not save them. */
  private final Set<Long> doubtful = new HashSet<>();

  /**
   * @param sector bytes that are written whole or not at all; divides the page
   */
  SimStorage(int sector) {
    this.sector = sector;
  }

  void read(long offset, byte[] into) {
    for (int done = 0; done < into.length; ) {
      int inPage = (int) ((offset + done) % PAGE);
      int length = Math.min(into.length - done, PAGE - inPage);
      byte[] page = pages.getOrDefault((offset + done) / PAGE, ZERO_PAGE);
      System.arraycopy(page, inPage, into, done, length);
      done += length;
    }
  }

  void write(long offset, byte[] data) {
    for (int done = 0; done < data.length; done += sector) {
      writeSector((offset + done) / sector, Arrays.copyOfRange(data, done, done + sector));
    }
  }

  /** Makes the range read as zeroes; whole pages become holes unless they are to be kept. */
  void zero(long offset, long length, boolean keepAllocated) {
    long end = offset + length;
    if (keepAllocated) {
      for (long at = offset; at < end; at += sector) {
        writeSector(at / sector, new byte[sector]);
      }
      return;
    }
    for (long number : List.copyOf(pages.subMap(offset / PAGE, Math.ceilDiv(end, PAGE)).keySet())) {
      long from = Math.max(offset, number * PAGE);
      long to = Math.min(end, (number + 1) * PAGE);
      write(from, new byte[(int) (to - from)]);
      if (to - from == PAGE) {
        pages.remove(number);
      }
    }
  }

  /** Where the hole or the data at {@code offset} ends, looking no further than {@code limit}. */
  long endOfExtent(long offset, long limit) {
    long number = offset / PAGE;
    if (isHole(offset)) {
      Long data = pages.ceilingKey(number);
      return data == null ? limit : Math.min(limit, data * PAGE);
    }
    while (number * PAGE < limit && pages.containsKey(number)) {
      number++;
    }
    return Math.min(limit, number * PAGE);
  }

  boolean isHole(long offset) {
    return !pages.containsKey(offset / PAGE);
  }

  /** Everything written so far is durable, except what a failed flush left behind. */
  void flush() {
    olderVersions.keySet().retainAll(doubtful);
  }

  void flushFailed() {
    doubtful.addAll(olderVersions.keySet());
  }

  /** These sectors are durable. */
  void makeDurable(long offset, long length) {
    for (long s = offset / sector; s < (offset + length) / sector; s++) {
      olderVersions.remove(s);
      doubtful.remove(s);
    }
  }

  int unflushedSectors() {
    return olderVersions.size();
  }

  /**
   * Every unflushed sector keeps its content or falls back to an older version. How many fall back
   * is drawn first, so that all and none of them come up too.
   */
  void powerCut(RandomGenerator random) {
    double loss =
        switch (random.nextInt(4)) {
          case 0 -> 1;
          case 1 -> 0;
          default -> random.nextDouble();
        };
    // in a fixed order, so that a seed says everything
    for (long s : olderVersions.keySet().stream().sorted().toList()) {
      if (random.nextDouble() < loss) {
        List<byte[]> versions = olderVersions.get(s);
        put(s, versions.get(random.nextInt(versions.size())));
      }
    }
    olderVersions.clear();
    doubtful.clear();
  }

  /** Changes content behind the back of every cache: durable at once, no version kept. */
  void corrupt(long offset, byte[] data) {
    write(offset, data);
    makeDurable(offset, data.length);
  }

  private void writeSector(long number, byte[] data) {
    byte[] before = new byte[sector];
    read(number * sector, before);
    List<byte[]> versions = olderVersions.computeIfAbsent(number, _ -> new ArrayList<>(1));
    if (versions.size() == MOST_VERSIONS) {
      versions.remove(1);
    }
    versions.add(before);
    doubtful.remove(number);
    put(number, data);
  }

  private void put(long number, byte[] data) {
    long offset = number * sector;
    byte[] page = pages.computeIfAbsent(offset / PAGE, _ -> new byte[PAGE]);
    System.arraycopy(data, 0, page, (int) (offset % PAGE), sector);
  }
}
