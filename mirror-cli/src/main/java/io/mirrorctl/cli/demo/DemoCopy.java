package io.mirrorctl.cli.demo;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Copies the input into the mirror: several writes at a time, and a flush now and then, after which
 * what was written before must not be lost any more.
 */
final class DemoCopy {
  private static final int BLOCK = 256 << 10;
  private static final long BATCH = 8L << 20;
  private static final int AT_ONCE = 4;

  private final DemoInput input;
  private final Env env;

  DemoCopy(DemoInput input, Env env) {
    this.input = input;
    this.env = env;
  }

  /**
   * Copies from an offset to the end.
   *
   * @param killAt after so many bytes of the input the killer strikes, while writes are in flight
   * @return how many bytes of the input had been flushed when it struck
   */
  long copyUntilKilled(BlockDevice mirror, long from, long killAt, Runnable killer)
      throws IOException {
    AtomicLong written = new AtomicLong(from);
    AtomicBoolean killed = new AtomicBoolean();
    long flushed = from;
    try {
      while (flushed < input.bytes()) {
        flushed =
            batch(
                mirror,
                flushed,
                bytes -> {
                  if (written.addAndGet(bytes) >= killAt && killed.compareAndSet(false, true)) {
                    killer.run();
                  }
                });
      }
    } catch (IOException e) {
      if (!killed.get()) {
        throw e;
      }
    }
    return flushed;
  }

  /** Copies from an offset to the end and flushes. */
  void copy(BlockDevice mirror, long from) throws IOException {
    for (long flushed = from; flushed < input.bytes(); ) {
      flushed = batch(mirror, flushed, _ -> {});
    }
  }

  @FunctionalInterface
  private interface Written {
    void bytes(long count);
  }

  private long batch(BlockDevice mirror, long from, Written written) throws IOException {
    long end = Math.min(from + BATCH, input.bytes());
    AtomicLong next = new AtomicLong(from);
    List<CompletableFuture<Void>> writers = new ArrayList<>();
    for (int i = 0; i < AT_ONCE; i++) {
      writers.add(
          CompletableFuture.runAsync(
              () -> {
                ByteBuffer block = ByteBuffer.allocateDirect(BLOCK);
                for (long at = next.getAndAdd(BLOCK); at < end; at = next.getAndAdd(BLOCK)) {
                  write(mirror, at, end, block);
                  written.bytes(Math.min(BLOCK, end - at));
                }
              },
              env.io()));
    }
    try {
      CompletableFuture.allOf(writers.toArray(CompletableFuture[]::new)).join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof UncheckedIOException io) {
        throw io.getCause();
      }
      throw e;
    }
    mirror.flush();
    return end;
  }

  private void write(BlockDevice mirror, long at, long end, ByteBuffer block) {
    try {
      block.clear().limit((int) Math.min(BLOCK, Math.ceilDiv(end - at, 4096L) * 4096));
      input.read(at, block);
      mirror.write(at, block.flip(), WriteOption.NONE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
