package io.mirrorctl.cli.command;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.LongConsumer;

/**
 * Compares the data areas of members byte by byte. All members are read at once, some pieces ahead
 * of the comparison; what all of them know to be zeroes is skipped. Sectors that a member cannot
 * read are a finding, and the comparison goes on.
 */
final class Comparison {
  private static final int SECTOR = SectorRange.SECTOR_BYTES;
  private static final int PIECE = 4 << 20;
  private static final int PIECES_AHEAD = 3;

  /** More ranges are counted, not kept. */
  static final int MOST_RANGES = 10_000;

  private final ImmutableList<MemberData> members;
  private final long sizeBytes;
  private final int pieceBytes;
  private final Executor io;
  private final List<Difference> differences = new ArrayList<>();
  private Difference last;
  private long ranges;
  private long differingRanges;
  private long differingSectors;
  private long unreadSectors;
  private long skippedBytes;

  /**
   * @param sizeBytes what to compare from the start of the array, whole sectors
   * @param io runs the reads
   */
  Comparison(List<MemberData> members, long sizeBytes, Executor io) {
    checkArgument(members.size() > 1, "nothing to compare with");
    this.members = ImmutableList.copyOf(members);
    this.sizeBytes = sizeBytes;
    this.io = io;
    int longest = members.stream().mapToInt(MemberData::longestRead).min().orElseThrow();
    this.pieceBytes = Math.max(SECTOR, Math.min(PIECE, longest) / SECTOR * SECTOR);
  }

  /**
   * What was found.
   *
   * @param ranges the first {@value #MOST_RANGES} ranges
   * @param rangeCount how many there are
   * @param differingRanges how many of them have members whose data differs
   * @param differingSectors in these
   * @param unreadSectors not known of at least one member
   * @param skippedBytes known to be equal without reading
   */
  record Result(
      ImmutableList<Difference> ranges,
      long rangeCount,
      long differingRanges,
      long differingSectors,
      long unreadSectors,
      long skippedBytes) {
    boolean identical() {
      return rangeCount == 0;
    }
  }

  /** One piece of every member, being read. */
  private record Reading(
      long offset, int length, List<CompletableFuture<MemberData.Piece>> pieces) {}

  /**
   * Does it all.
   *
   * @param progress is told how many bytes of the array are done
   * @throws IOException if a member cannot be read at all any more
   */
  Result run(LongConsumer progress) throws IOException {
    Deque<Reading> ahead = new ArrayDeque<>();
    try {
      long next = 0;
      while (next < sizeBytes || !ahead.isEmpty()) {
        while (next < sizeBytes && ahead.size() < PIECES_AHEAD) {
          long zeroes = zeroesFrom(next);
          if (zeroes > 0) {
            skippedBytes += zeroes;
            next += zeroes;
          } else {
            int length = (int) Math.min(pieceBytes, sizeBytes - next);
            ahead.add(start(next, length));
            next += length;
          }
        }
        if (ahead.isEmpty()) {
          break;
        }
        Reading reading = ahead.remove();
        compare(reading);
        progress.accept(reading.offset() + reading.length());
      }
      progress.accept(sizeBytes);
    } finally {
      ahead.forEach(Comparison::discard);
    }
    flushLast();
    return new Result(
        ImmutableList.copyOf(differences),
        ranges,
        differingRanges,
        differingSectors,
        unreadSectors,
        skippedBytes);
  }

  /** Whole sectors from there that are zeroes on all members. */
  private long zeroesFrom(long from) throws IOException {
    long zeroes = sizeBytes - from;
    for (MemberData member : members) {
      zeroes = Math.min(zeroes, member.zeroesFrom(from, sizeBytes));
      if (zeroes < SECTOR) {
        return 0;
      }
    }
    return zeroes / SECTOR * SECTOR;
  }

  private Reading start(long offset, int length) {
    List<CompletableFuture<MemberData.Piece>> pieces = new ArrayList<>();
    for (MemberData member : members) {
      pieces.add(CompletableFuture.supplyAsync(() -> read(member, offset, length), io));
    }
    return new Reading(offset, length, pieces);
  }

  private static MemberData.Piece read(MemberData member, long offset, int length) {
    try {
      return member.read(offset, length);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void compare(Reading reading) throws IOException {
    if (Thread.currentThread().isInterrupted()) {
      discard(reading);
      throw new InterruptedIOException("the comparison was interrupted");
    }
    try {
      compare(
          reading.offset() / SECTOR,
          reading.pieces().stream().map(CompletableFuture::join).toList());
    } catch (CompletionException e) {
      if (e.getCause() instanceof UncheckedIOException u) {
        throw u.getCause();
      }
      throw e;
    } finally {
      discard(reading);
    }
  }

  /** Waits for the reads and gives their buffers back. */
  private static void discard(Reading reading) {
    for (CompletableFuture<MemberData.Piece> piece : reading.pieces()) {
      piece
          .handle((read, _) -> {
            if (read != null) {
              read.release();
            }
            return null;
          })
          .join();
    }
  }

  private void compare(long firstSector, List<MemberData.Piece> pieces) {
    int sectors = pieces.getFirst().data().remaining() / SECTOR;
    BitSet unread = new BitSet();
    pieces.forEach(piece -> {
      unread.or(piece.failed());
      unread.or(piece.bad());
    });
    for (int from = 0; from < sectors; ) {
      int known = Math.min(unread.nextClearBit(from), sectors);
      for (int sector = from; sector < known; sector++) {
        add(differenceAt(firstSector, sector, pieces));
      }
      int end = unread.nextSetBit(known);
      from = end < 0 ? sectors : end;
      compare(firstSector, pieces, known, from);
    }
  }

  /** Sectors of which all members' data is known. */
  private void compare(long firstSector, List<MemberData.Piece> pieces, int from, int to) {
    List<ByteBuffer> data = pieces.stream().map(MemberData.Piece::data).toList();
    for (int sector = from; sector < to; sector++) {
      int mismatch = firstMismatch(data, sector * SECTOR, to * SECTOR);
      if (mismatch < 0) {
        return;
      }
      sector = mismatch / SECTOR;
      add(differenceAt(firstSector, sector, pieces));
    }
  }

  private static Difference differenceAt(
      long firstSector, int sector, List<MemberData.Piece> pieces) {
    return new Difference(SectorRange.ofLength(firstSector + sector, 1), groups(pieces, sector));
  }

  private static int firstMismatch(List<ByteBuffer> data, int from, int length) {
    ByteBuffer first = data.getFirst().slice(from, length - from);
    int found = -1;
    for (int i = 1; i < data.size(); i++) {
      int at = first.mismatch(data.get(i).slice(from, first.remaining()));
      if (at >= 0) {
        found = at;
        first = first.slice(0, at); // only what lies before matters from now on
      }
    }
    return found < 0 ? -1 : from + found;
  }

  private static ImmutableIntArray groups(List<MemberData.Piece> pieces, int sector) {
    var groups = ImmutableIntArray.builder(pieces.size());
    for (int i = 0; i < pieces.size(); i++) {
      groups.add(group(pieces, i, sector));
    }
    return groups.build();
  }

  private static int group(List<MemberData.Piece> pieces, int member, int sector) {
    if (pieces.get(member).bad().get(sector)) {
      return Difference.BAD_BLOCK;
    }
    if (pieces.get(member).failed().get(sector)) {
      return Difference.NOT_READABLE;
    }
    ByteBuffer own = pieces.get(member).sector(sector);
    int group = 0;
    while (group < member
        && (!pieces.get(group).knows(sector)
            || own.mismatch(pieces.get(group).sector(sector)) >= 0)) {
      group++;
    }
    return group;
  }

  private void add(Difference difference) {
    differingSectors += difference.isDifferent() ? 1 : 0;
    unreadSectors += difference.isIncomplete() ? 1 : 0;
    if (last != null && last.isContinuedBy(difference)) {
      last = last.joined(difference);
    } else {
      flushLast();
      last = difference;
    }
  }

  private void flushLast() {
    if (last == null) {
      return;
    }
    ranges++;
    differingRanges += last.isDifferent() ? 1 : 0;
    if (differences.size() < MOST_RANGES) {
      differences.add(last);
    }
    last = null;
  }
}
