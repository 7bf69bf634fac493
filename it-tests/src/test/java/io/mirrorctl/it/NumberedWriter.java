package io.mirrorctl.it;

import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A client that writes blocks of its own part of an array over and over, each time with a higher
 * number, and knows which of them were acknowledged.
 */
final class NumberedWriter implements AutoCloseable {
  static final int BLOCK = 4096;
  static final int BLOCKS = 64;
  private static final int SECTOR = 512;

  private final NbdDevice client;
  private final long start;
  private final AtomicLongArray sent = new AtomicLongArray(BLOCKS);
  private final AtomicLongArray acknowledged = new AtomicLongArray(BLOCKS);
  private final CompletableFuture<Optional<IOException>> ended;
  private volatile long count;
  private volatile boolean stopped;

  private NumberedWriter(NbdDevice client, long start) {
    this.client = client;
    this.start = start;
    this.ended = CompletableFuture.supplyAsync(this::writeUntilTheEnd, Env.system().io());
  }

  /** Begins to write from this offset on. */
  static NumberedWriter start(NbdDevice client, long start) {
    return new NumberedWriter(client, start);
  }

  private Optional<IOException> writeUntilTheEnd() {
    try {
      for (long number = 1; !stopped; number++) {
        int block = (int) (number * 7 % BLOCKS);
        sent.set(block, number);
        write(client, start, block, number);
        acknowledged.set(block, number);
        count = number;
      }
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of(e);
    }
  }

  /** Fills a block with a number. */
  static void write(BlockDevice device, long start, int block, long number) throws IOException {
    ByteBuffer data = ByteBuffer.allocate(BLOCK);
    while (data.hasRemaining()) {
      data.putLong(number);
    }
    device.write(start + (long) block * BLOCK, data.flip(), WriteOption.NONE);
  }

  /** How many writes were acknowledged. */
  long count() {
    return count;
  }

  /** Complete when it writes no more: with the error that ended it, if one did. */
  CompletableFuture<Optional<IOException>> ended() {
    return ended;
  }

  /** Finishes the write under way and writes no more. */
  Optional<IOException> stop() {
    stopped = true;
    return ended.join();
  }

  /** Every sector must hold what was acknowledged last, or the write that was under way then. */
  void check(BlockDevice device) throws IOException {
    for (int block = 0; block < BLOCKS; block++) {
      ByteBuffer found = read(device, start, block);
      for (int at = 0; at < BLOCK; at += SECTOR) {
        long number = found.getLong(at);
        if (number != acknowledged.get(block) && number != sent.get(block)) {
          throw new AssertionError(
              "block %d holds write %d; %d was acknowledged and %d sent"
                  .formatted(block, number, acknowledged.get(block), sent.get(block)));
        }
      }
    }
  }

  static ByteBuffer read(BlockDevice device, long start, int block) throws IOException {
    ByteBuffer found = ByteBuffer.allocate(BLOCK);
    device.read(start + (long) block * BLOCK, found);
    return found.flip();
  }

  @Override
  public void close() throws IOException {
    stopped = true;
    client.close();
  }
}
