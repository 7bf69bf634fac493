package io.mirrorctl.cli.demo;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Writes a text to the mirror, several blocks at a time, and keeps account of which blocks were
 * sent and which of these the mirror has acknowledged.
 */
final class DemoCopy {
  static final int BLOCK = 256 << 10;
  private static final int AT_ONCE = 4;

  private final DemoText text;
  private final long bytes;
  private final Env env;
  private final BitSet sent = new BitSet();
  private final BitSet acknowledged = new BitSet();

  /** Of all these blocks. */
  private long acknowledgedBytes;

  /**
   * @param bytes how much of the text is to be written
   */
  DemoCopy(DemoText text, long bytes, Env env) {
    this.text = text;
    this.bytes = bytes;
    this.env = env;
  }

  /** Writes what is not acknowledged yet, and flushes. */
  void finish(BlockDevice mirror) throws IOException {
    write(mirror, () -> {});
    mirror.flush();
  }

  /**
   * Writes until the killer has struck, which it does while other writes are under way.
   *
   * @param killAt when so many bytes are acknowledged
   */
  void writeUntilKilled(BlockDevice mirror, long killAt, Runnable killer) throws IOException {
    AtomicBoolean killed = new AtomicBoolean();
    try {
      write(
          mirror,
          () -> {
            if (acknowledgedBytes() >= killAt && killed.compareAndSet(false, true)) {
              killer.run();
            }
          });
    } catch (IOException e) {
      if (!killed.get()) {
        throw e;
      }
    }
  }

  /** How much the mirror has said is written. */
  synchronized long acknowledgedBytes() {
    return acknowledgedBytes;
  }

  /** How much was sent and never answered. */
  synchronized long unansweredBytes() {
    return sent.stream().filter(block -> !acknowledged.get(block)).mapToLong(this::length).sum();
  }

  /** Whether what is at this offset has been sent. */
  synchronized boolean isSent(long offset) {
    return sent.get((int) (offset / BLOCK));
  }

  /** Whether the mirror has said that what is at this offset is written. */
  synchronized boolean isAcknowledged(long offset) {
    return acknowledged.get((int) (offset / BLOCK));
  }

  private long length(int block) {
    return Math.min(BLOCK, bytes - (long) block * BLOCK);
  }

  /** The next block to be sent, which counts as sent from here on; -1 if there is none. */
  private synchronized int next() {
    int block = sent.nextClearBit(0);
    if ((long) block * BLOCK >= bytes) {
      return -1;
    }
    sent.set(block);
    return block;
  }

  private synchronized void acknowledge(int block) {
    acknowledged.set(block);
    acknowledgedBytes += length(block);
  }

  private void write(BlockDevice mirror, Runnable afterEach) throws IOException {
    synchronized (this) {
      sent.and(acknowledged);
    }
    List<CompletableFuture<Void>> writers = new ArrayList<>();
    for (int i = 0; i < AT_ONCE; i++) {
      writers.add(CompletableFuture.runAsync(() -> writeBlocks(mirror, afterEach), env.io()));
    }
    try {
      CompletableFuture.allOf(writers.toArray(CompletableFuture[]::new)).join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof UncheckedIOException io) {
        throw io.getCause();
      }
      throw e;
    }
  }

  private void writeBlocks(BlockDevice mirror, Runnable afterEach) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(BLOCK);
    for (int block = next(); block >= 0; block = next()) {
      try {
        long units = Math.ceilDiv(length(block), (long) DemoText.UNIT);
        buffer.clear().limit((int) units * DemoText.UNIT);
        text.read((long) block * BLOCK, buffer);
        mirror.write((long) block * BLOCK, buffer.flip(), WriteOption.NONE);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      acknowledge(block);
      afterEach.run();
    }
  }
}
