package io.mirrorctl.core.array;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * What every sector of an array may hold: each write of a sector has the next version of that
 * sector, and its bytes tell it, unless it wrote zeroes.
 *
 * <p>Threading: a sector is written by one thread at a time, the test sees to it; everything else
 * is for any thread.
 */
final class SectorOracle {
  private static final int SECTOR = 512;
  private static final int MOST_VERSIONS = 1 << 12;
  private static final long MAGIC = 0x5ec7_0bac_1e5fL;

  private final int sectors;
  private final boolean[][] zeroes;
  private final AtomicIntegerArray issued;
  private final AtomicIntegerArray acknowledged;
  private final AtomicIntegerArray durable;
  private final AtomicIntegerArray seen;

  /** 1 while what was seen of a sector need not last: see {@link #torn}. */
  private final AtomicIntegerArray torn;

  SectorOracle(int sectors) {
    this.sectors = sectors;
    this.zeroes = new boolean[sectors][];
    this.issued = new AtomicIntegerArray(sectors);
    this.acknowledged = new AtomicIntegerArray(sectors);
    this.durable = new AtomicIntegerArray(sectors);
    this.seen = new AtomicIntegerArray(sectors);
    this.torn = new AtomicIntegerArray(sectors);
  }

  int sectors() {
    return sectors;
  }

  /** Begins a write of these sectors and gives the bytes to write. */
  ByteBuffer issue(int first, int count, boolean zero) {
    ByteBuffer data = ByteBuffer.allocate(count * SECTOR).order(ByteOrder.LITTLE_ENDIAN);
    for (int sector = first; sector < first + count; sector++) {
      int version = issued.get(sector) + 1;
      if (zeroes[sector] == null) {
        zeroes[sector] = new boolean[MOST_VERSIONS];
        zeroes[sector][0] = true;
      }
      zeroes[sector][version] = zero;
      issued.set(sector, version);
      for (int at = 0; at < SECTOR; at += 16) {
        data.putLong(zero ? 0 : MAGIC ^ ((long) sector << 20));
        data.putLong(zero ? 0 : version);
      }
    }
    return data.flip();
  }

  /** The write that was issued last for these sectors was answered. */
  void acknowledge(int first, int count, boolean durably) {
    for (int sector = first; sector < first + count; sector++) {
      acknowledged.set(sector, issued.get(sector));
      torn.set(sector, 0);
      if (durably) {
        raise(durable, sector, issued.get(sector));
      }
    }
  }

  /**
   * The node that was writing this sector died. If a member may be lost too, what was seen of the
   * write may be gone with that one: the double fault that invariant I10 leaves out.
   */
  void torn(int sector) {
    torn.set(sector, 1);
  }

  /** What a flush that begins now has to cover. */
  int[] beforeFlush() {
    return copy(acknowledged);
  }

  void flushed(int[] before) {
    for (int sector = 0; sector < sectors; sector++) {
      raise(durable, sector, before[sector]);
    }
  }

  /** What a read that begins now may not be older than. */
  int[] beforeRead(int first, int count) {
    int[] least = new int[count];
    for (int i = 0; i < count; i++) {
      least[i] = Math.max(acknowledged.get(first + i), seen.get(first + i));
    }
    return least;
  }

  /** Checks what a read returned, and that later ones do not return anything older. */
  void sawAll(int first, byte[] data, int[] least) {
    for (int i = 0; i < least.length; i++) {
      int sector = first + i;
      if (torn.get(sector) == 0) {
        raise(seen, sector, version(sector, data, i * SECTOR, least[i]));
      } else {
        seen.set(sector, acknowledged.get(sector));
      }
    }
  }

  /** After a crash that lost no disk's cache: what was acknowledged or seen is there. */
  void checkAfterProgramDied(byte[] data) {
    check(data, beforeRead(0, sectors));
  }

  /** After a power cut: what was flushed is there. */
  void checkAfterPowerCut(byte[] data) {
    check(data, copy(durable));
  }

  private void check(byte[] data, int[] least) {
    for (int sector = 0; sector < sectors; sector++) {
      assertThat(version(sector, data, sector * SECTOR, least[sector])).isNotNegative();
    }
  }

  /** The lowest version not below {@code least} that the bytes can be. */
  private int version(int sector, byte[] data, int at, int least) {
    ByteBuffer found = ByteBuffer.wrap(data, at, SECTOR).order(ByteOrder.LITTLE_ENDIAN);
    long magic = found.getLong(at);
    long version = found.getLong(at + 8);
    for (int i = at; i < at + SECTOR; i += 16) {
      assertThat(found.getLong(i)).as("sector %d, byte %d", sector, i - at).isEqualTo(magic);
      assertThat(found.getLong(i + 8)).as("sector %d, byte %d", sector, i - at).isEqualTo(version);
    }
    int newest = issued.get(sector);
    if (magic == 0) {
      int zero = least;
      while (zero <= newest && !isZero(sector, zero)) {
        zero++;
      }
      assertThat(zero)
          .as("sector %d reads as zeroes; at least version %d is due", sector, least)
          .isLessThanOrEqualTo(newest);
      return zero;
    }
    assertThat(magic)
        .as("sector %d holds its own data", sector)
        .isEqualTo(MAGIC ^ ((long) sector << 20));
    assertThat(version).as("version of sector %d", sector).isBetween((long) least, (long) newest);
    return (int) version;
  }

  private boolean isZero(int sector, int version) {
    return zeroes[sector] == null ? version == 0 : zeroes[sector][version];
  }

  private static int[] copy(AtomicIntegerArray from) {
    int[] copy = new int[from.length()];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = from.get(i);
    }
    return copy;
  }

  private static void raise(AtomicIntegerArray array, int index, int value) {
    array.accumulateAndGet(index, value, Math::max);
  }
}
