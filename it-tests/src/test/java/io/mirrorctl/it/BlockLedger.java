package io.mirrorctl.it;

import com.google.common.primitives.ImmutableLongArray;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * What one client wrote, block by block, and what it may read: every write of a block carries a
 * higher number than the one before, and one write of a block is on its way at a time. Whatever
 * node it is read through, a sector holds the last acknowledged number or a newer one that was
 * sent, and never an older one than somebody has read there before.
 *
 * <p>Blocks are spread over the array in stripes, so that each chunk of the bitmap has blocks of
 * several clients.
 *
 * <p>Threading: any thread.
 */
final class BlockLedger {
  static final int BLOCK = 4096;
  static final int STRIPE_BLOCKS = 16;
  private static final int SECTOR = 512;
  private static final int SECTORS = BLOCK / SECTOR;
  private static final int TAG_BYTES = 32;
  private static final long MAGIC = 0x6e756d6265720a00L;

  private final int client;
  private final int clients;
  private final AtomicLongArray sent;
  private final AtomicLongArray acknowledged;
  private final AtomicLongArray seen;

  /**
   * @param client whose blocks these are, from 0
   * @param clients how many have stripes in the array
   */
  BlockLedger(int client, int clients, int blocks) {
    if (blocks % STRIPE_BLOCKS != 0) {
      throw new IllegalArgumentException("no whole stripes: " + blocks);
    }
    this.client = client;
    this.clients = clients;
    sent = new AtomicLongArray(blocks);
    acknowledged = new AtomicLongArray(blocks);
    seen = new AtomicLongArray(blocks * SECTORS);
  }

  int blocks() {
    return sent.length();
  }

  /** Where a block lies in the array, in bytes. */
  long offset(int block) {
    long stripe = (long) (block / STRIPE_BLOCKS) * clients + client;
    return (stripe * STRIPE_BLOCKS + block % STRIPE_BLOCKS) * BLOCK;
  }

  /** Some blocks of one stripe with the numbers that they are to hold. */
  record Write(int first, ImmutableLongArray numbers) {}

  /** To be called before a write is sent. */
  Write write(int first, int count) {
    long[] numbers = new long[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = sent.incrementAndGet(first + i);
    }
    return new Write(first, ImmutableLongArray.copyOf(numbers));
  }

  /** What to send: every sector names itself and the number, many times over. */
  byte[] data(Write write) {
    ByteBuffer data = ByteBuffer.allocate(write.numbers.length() * BLOCK);
    long start = offset(write.first) / SECTOR;
    while (data.hasRemaining()) {
      long number = write.numbers.get(data.position() / BLOCK);
      long sector = start + data.position() / SECTOR;
      data.putLong(MAGIC).putLong(number).putLong(sector).putLong(~number ^ sector);
    }
    return data.array();
  }

  /** To be called when a node has said that the write is done. */
  void acknowledged(Write write) {
    for (int i = 0; i < write.numbers.length(); i++) {
      acknowledged.accumulateAndGet(write.first + i, write.numbers.get(i), Math::max);
    }
  }

  /** What a read that begins now may not be older than. */
  Floor floor(int first, int count) {
    long[] numbers = new long[count * SECTORS];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = Math.max(acknowledged.get(first + i / SECTORS), seen.get(first * SECTORS + i));
    }
    return new Floor(first, ImmutableLongArray.copyOf(numbers));
  }

  /** The oldest number that each sector may hold. */
  record Floor(int first, ImmutableLongArray numbers) {}

  /**
   * Judges what a read returned that began after the floor was taken.
   *
   * @param through where it was read, for the message
   */
  void check(Floor floor, byte[] found, String through) {
    ByteBuffer data = ByteBuffer.wrap(found);
    for (int i = 0; i < floor.numbers.length(); i++) {
      int block = floor.first + i / SECTORS;
      long sector = offset(floor.first) / SECTOR + i;
      long number = number(data.slice(i * SECTOR, SECTOR), sector, through);
      if (number < floor.numbers.get(i) || number > sent.get(block)) {
        throw new AssertionError(
            "%s: sector %d holds write %d of block %d; %d was acknowledged or read before, %d sent"
                .formatted(through, sector, number, block, floor.numbers.get(i), sent.get(block)));
      }
      seen.accumulateAndGet(floor.first * SECTORS + i, number, Math::max);
    }
  }

  private static long number(ByteBuffer data, long sector, String through) {
    long number = data.getLong(8);
    for (int at = 0; at < SECTOR; at += TAG_BYTES) {
      boolean tag =
          number == 0
              ? data.getLong(at) == 0
                  && data.getLong(at + 8) == 0
                  && data.getLong(at + 16) == 0
                  && data.getLong(at + 24) == 0
              : data.getLong(at) == MAGIC
                  && data.getLong(at + 8) == number
                  && data.getLong(at + 16) == sector
                  && data.getLong(at + 24) == (~number ^ sector);
      if (!tag) {
        byte[] bytes = new byte[TAG_BYTES];
        data.get(at, bytes);
        throw new AssertionError(
            "%s: sector %d holds no whole write; at byte %d %s"
                .formatted(through, sector, at, HexFormat.of().formatHex(bytes)));
      }
    }
    return number;
  }
}
