package io.mirrorctl.it;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * What clients wrote to an array and what they were told of it; judges what may be there after a
 * crash.
 *
 * <p>A write is durable if it completed with FUA, or completed before a flush was sent that
 * completed. A block may hold the content of any write that no durable write came after: one that
 * was sent when the other had completed. Writes that were in flight together may stand in either
 * order, sector by sector.
 *
 * <p>Threading: any thread.
 */
final class WriteLedger {
  static final int SECTOR = 512;
  static final int BLOCK = 4096;
  private static final int SECTORS = BLOCK / SECTOR;
  private static final long MAGIC = 0x6c65646765720a00L;
  private static final int TAG_BYTES = 32;

  /** Content of a sector nobody has written, or that was zeroed. */
  static final long ZERO = 0;

  private final List<List<Write>> writes = new ArrayList<>();
  private final long[] base;
  private final AtomicLong clock = new AtomicLong();
  private final AtomicLong sequence = new AtomicLong(ZERO);
  private final AtomicLong flushed = new AtomicLong();

  /** A write on its way or done; times are of this ledger's own clock. */
  static final class Write {
    private final long content;
    private final int first;
    private final int blocks;
    private final long sent;
    private volatile long completed = Long.MAX_VALUE;
    private volatile boolean durable;

    private Write(long content, int first, int blocks, long sent) {
      this.content = content;
      this.first = first;
      this.blocks = blocks;
      this.sent = sent;
    }

    long offset() {
      return (long) first * BLOCK;
    }

    int length() {
      return blocks * BLOCK;
    }

    /** What to send: every sector carries the number of the write and its own, many times over. */
    byte[] data() {
      ByteBuffer data = ByteBuffer.allocate(length());
      while (data.hasRemaining()) {
        long sector = offset() / SECTOR + data.position() / SECTOR;
        data.putLong(MAGIC).putLong(content).putLong(sector).putLong(~content ^ sector);
      }
      return data.array();
    }
  }

  WriteLedger(long sizeBytes) {
    int blocks = Math.toIntExact(sizeBytes / BLOCK);
    for (int block = 0; block < blocks; block++) {
      writes.add(new ArrayList<>(0));
    }
    base = new long[blocks * SECTORS];
  }

  int blocks() {
    return writes.size();
  }

  /** To be called before a write is sent. */
  Write write(int first, int count) {
    return enter(sequence.incrementAndGet(), first, count);
  }

  /** To be called before zeroes are written. */
  Write zero(int first, int count) {
    return enter(ZERO, first, count);
  }

  private Write enter(long content, int first, int count) {
    Write write;
    synchronized (this) {
      write = new Write(content, first, count, clock.incrementAndGet());
      for (int block = first; block < first + count; block++) {
        writes.get(block).add(write);
      }
    }
    return write;
  }

  /** To be called when the reply has come. */
  void completed(Write write, boolean fua) {
    write.durable = fua;
    write.completed = clock.incrementAndGet();
  }

  /** To be called before a flush is sent; the value goes to {@link #flushed}. */
  long flushing() {
    return clock.incrementAndGet();
  }

  /** To be called when a flush has completed. */
  void flushed(long since) {
    flushed.accumulateAndGet(since, Math::max);
  }

  /** Number of writes that are durable and may be looked for now. */
  synchronized long durableWrites() {
    return writes.stream().flatMap(List::stream).distinct().filter(this::isDurable).count();
  }

  private boolean isDurable(Write write) {
    return write.completed != Long.MAX_VALUE && (write.durable || write.completed < flushed.get());
  }

  /**
   * Everything that is wrong with this content of the array, as found after a crash: one line for
   * each bad block, at most twenty.
   *
   * @param contents by sector, as {@link #contents} tells them
   */
  synchronized List<String> violations(long[] contents) {
    var violations = new ArrayList<String>();
    for (int sector = 0; sector < contents.length && violations.size() < 20; sector++) {
      int block = sector / SECTORS;
      if (!isAcceptable(block, sector, contents[sector])) {
        violations.add(
            "sector %d holds write %d; was %d before; writes: %s"
                .formatted(sector, contents[sector], base[sector], history(block)));
        sector = (block + 1) * SECTORS - 1;
      }
    }
    return violations;
  }

  private boolean isAcceptable(int block, int sector, long content) {
    List<Write> here = writes.get(block);
    boolean asBefore = content == base[sector] && here.stream().noneMatch(this::isDurable);
    return asBefore
        || here.stream()
            .filter(write -> write.content == content)
            .anyMatch(
                write -> here.stream().noneMatch(w -> isDurable(w) && write.completed < w.sent));
  }

  private List<String> history(int block) {
    return writes.get(block).stream()
        .map(w ->
            "%d (sent %d, completed %s%s)"
                .formatted(
                    w.content,
                    w.sent,
                    w.completed == Long.MAX_VALUE ? "never" : w.completed,
                    isDurable(w) ? ", durable" : ""))
        .toList();
  }

  /** Takes this content as given and durable; earlier writes are forgotten. */
  synchronized void settle(long[] contents) {
    System.arraycopy(contents, 0, base, 0, base.length);
    writes.forEach(List::clear);
  }

  /**
   * Which write each sector holds.
   *
   * @throws AssertionError if a sector holds anything but one whole write or zeroes
   */
  static long[] contents(byte[] array, long firstSector) {
    ByteBuffer data = ByteBuffer.wrap(array);
    long[] contents = new long[array.length / SECTOR];
    for (int i = 0; i < contents.length; i++) {
      ByteBuffer sector = data.slice(i * SECTOR, SECTOR);
      long content = sector.getLong(8);
      long number = firstSector + i;
      boolean whole =
          Stream.iterate(0, at -> at < SECTOR, at -> at + TAG_BYTES)
              .allMatch(at -> isTag(sector, at, content, number));
      if (!whole) {
        byte[] bytes = new byte[TAG_BYTES];
        sector.get(0, bytes);
        throw new AssertionError(
            "sector %d holds no whole write; it begins with %s"
                .formatted(number, java.util.HexFormat.of().formatHex(bytes)));
      }
      contents[i] = content;
    }
    return contents;
  }

  private static boolean isTag(ByteBuffer sector, int at, long content, long number) {
    return content == ZERO
        ? sector.getLong(at) == 0
            && sector.getLong(at + 8) == 0
            && sector.getLong(at + 16) == 0
            && sector.getLong(at + 24) == 0
        : sector.getLong(at) == MAGIC
            && sector.getLong(at + 8) == content
            && sector.getLong(at + 16) == number
            && sector.getLong(at + 24) == (~content ^ number);
  }
}
