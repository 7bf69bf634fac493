package io.mirrorctl.core.bitmap;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapGeometry;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class BitmapStressTest {
  private static final BitmapGeometry GEOMETRY = new BitmapGeometry(31000 * 8L, 4096);
  private static final int WRITERS = 16;

  private final CheckingStorage storage = new CheckingStorage(GEOMETRY);
  private final WriteIntentBitmap bitmap =
      new WriteIntentBitmap(GEOMETRY, SlotOnDisk.headerOf(GEOMETRY), storage, Env.system());
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private volatile boolean stopping;

  @Test
  @Timeout(60)
  void noBitIsMissingUnderManyWritersSweepsCopiesAndFaults() throws Exception {
    stress(2_000);
  }

  @Test
  @Tag("nightly")
  void noBitIsMissingUnderManyWritersForLong() throws Exception {
    stress(200_000);
  }

  private void stress(int writesEach) throws Exception {
    List<Thread> writers = new ArrayList<>();
    for (int i = 0; i < WRITERS; i++) {
      var random = new SplittableRandom(i);
      writers.add(start(() -> write(random, writesEach)));
    }
    List<Thread> others =
        List.of(
            start(() -> repeat(bitmap::sweep)),
            start(() -> repeat(this::copyNeeded)),
            start(() -> repeat(this::updateAndMark)),
            start(() -> repeat(() -> interruptSomebody(writers))));
    for (Thread thread : writers) {
      thread.join();
    }
    stopping = true;
    for (Thread thread : others) {
      thread.join();
    }
    assertThat(failure).hasValue(null);
    assertThat(storage.broken).hasValue(null);
    assertThatAllComesToRest();
  }

  private interface Io {
    void run() throws IOException;
  }

  private Thread start(Runnable body) {
    return Thread.ofPlatform()
        .uncaughtExceptionHandler((_, e) -> failure.compareAndSet(null, e))
        .start(body);
  }

  /** Again and again until all writers are through; I/O errors are part of it. */
  private void repeat(Io io) {
    while (!stopping) {
      ignoringIo(io);
      LockSupport.parkNanos(10_000);
    }
  }

  private static boolean ignoringIo(Io io) {
    try {
      io.run();
      return true;
    } catch (InterruptedIOException e) {
      assertThat(Thread.interrupted()).isTrue();
      return false;
    } catch (IOException e) {
      return false;
    }
  }

  private void write(SplittableRandom random, int writes) {
    for (int i = 0; i < writes; i++) {
      long first = random.nextInt(4) == 0 ? random.nextInt(30990) : 30715 + random.nextInt(10);
      long last = first + random.nextInt(3);
      SectorRange range = new SectorRange(first * 8, last * 8 + 1);
      if (ignoringIo(() -> bitmap.startWrite(range))) {
        for (long chunk = first; chunk <= last; chunk++) {
          storage.writeData(chunk);
        }
        LockSupport.parkNanos(10_000);
        for (long chunk = first; chunk <= last; chunk++) {
          storage.writeData(chunk);
        }
        bitmap.endWrite(range, random.nextInt(50) > 0);
      }
    }
  }

  private void copyNeeded() {
    OptionalLong next = bitmap.nextNeeded(0);
    while (next.isPresent()) {
      long chunk = next.getAsLong();
      if (bitmap.startSync(chunk)) {
        storage.copyData(chunk);
        bitmap.endSync(chunk, chunk % 7 > 0 || !storage.faults);
      }
      next = bitmap.nextNeeded(chunk + 1);
    }
  }

  private void updateAndMark() throws IOException {
    bitmap.updateHeader(h -> h.toBuilder().events(h.events() + 1).build());
    bitmap.markNeeded(SectorRange.ofLength(30720 * 8, 8));
    if (bitmap.header().events() % 50 == 0) {
      bitmap.rewriteAll();
      bitmap.markDirtyNeeded();
    }
  }

  private static void interruptSomebody(List<Thread> writers) {
    writers.get((int) (System.identityHashCode(new Object()) % (long) WRITERS)).interrupt();
    LockSupport.parkNanos(500_000);
  }

  private void assertThatAllComesToRest() throws IOException {
    storage.faults = false;
    copyNeeded();
    bitmap.flushClean();
    assertThat(bitmap.dirtyRanges()).isEmpty();
    assertThat(bitmap.neededChunks()).isZero();
    assertThat(storage.bits()).isZero();
    assertThat(storage.broken).hasValue(null);
  }
}
