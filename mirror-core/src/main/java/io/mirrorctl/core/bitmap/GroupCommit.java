package io.mirrorctl.core.bitmap;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.env.Invariant;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * Writes the pages that have to go out, as one batch at a time.
 *
 * <p>While a batch is being written, pages gather for the next one: so any number of threads that
 * need pages on stable storage share one write and one flush, and an older image of a page never
 * lands behind a newer one.
 *
 * <p>Threading: all methods with the bitmap's lock held, once; {@link #await} lets go of it while
 * it waits. Batches are written on a thread of their own, without the lock: a waiting thread may be
 * interrupted and leave, the batch goes on to its end.
 *
 * <p>Failure: pages of a failed batch are asked for again, and go out with the next batch that
 * somebody waits for. A waiter sees the failure only of a batch that began after its wait.
 */
final class GroupCommit {
  /** 4 MiB, which is the bits of 32 TiB in chunks of 1 MiB. */
  private static final int MAX_PAGES_PER_BATCH = 1024;

  /** What the pages hold. Called with the bitmap's lock held. */
  interface Source {
    /** Fills the buffer, from 0 to its capacity, with the page as it has to be now. */
    void encode(int page, ByteBuffer into);

    /** What {@link #encode} put into the buffer is durable on all members. */
    void landed(int page, ByteBuffer image);
  }

  private final ReentrantLock lock;
  private final Condition batchEnded;
  private final BitmapStorage storage;
  private final Env env;
  private final Source source;
  private final PageBuffers buffers = new PageBuffers();
  private final BitSet wanted = new BitSet();

  /** For each page of the slot the number of the batch it last landed in. */
  private long[] landedIn;

  /** Batches begun so far, which is the number of the newest. */
  private long begun;

  /** When the newest began, or was about to. */
  private long begunAt;

  /** A thread writes batches or is about to. */
  private boolean running;

  /** Threads in {@link #await}: without one no further batch begins. */
  private int waiting;

  /** The newest batch that failed, 0 if none did, and why. */
  private long failedBatch;

  private Throwable failure;

  GroupCommit(ReentrantLock lock, int pages, BitmapStorage storage, Env env, Source source) {
    this.lock = lock;
    this.landedIn = new long[pages];
    this.batchEnded = lock.newCondition();
    this.storage = storage;
    this.env = env;
    this.source = source;
  }

  /** Lets the page go out with the next batch. */
  void want(int page) {
    wanted.set(page, page < landedIn.length);
  }

  /** Threads in {@link #await}. */
  int waiting() {
    return waiting;
  }

  /** Milliseconds for which a batch has been under way; empty if none is. */
  OptionalLong underWay() {
    return running
        ? OptionalLong.of(TimeUnit.NANOSECONDS.toMillis(env.ticker().read() - begunAt))
        : OptionalLong.empty();
  }

  /** The pages that the next batch would write. */
  BitSet wanted() {
    return (BitSet) wanted.clone();
  }

  /** The slot has this many pages from now on; those behind need not be written. */
  void resize(int pages) {
    wanted.clear(pages, Math.max(pages, wanted.length()));
    landedIn = Arrays.copyOf(landedIn, pages);
    batchEnded.signalAll();
  }

  /** Writes these pages as they are now or become; returns when they are durable. */
  void write(BitSet pages) throws IOException {
    pages.stream().forEach(this::want);
    long since = begun;
    await(() -> pages.stream().allMatch(page -> landedAfter(since, page)));
  }

  private boolean landedAfter(long batch, int page) {
    return page >= landedIn.length || landedIn[page] > batch;
  }

  /**
   * Returns when this holds, which must come true when the wanted pages have landed.
   *
   * @throws InterruptedIOException if the thread is interrupted while it waits; its interrupt
   *     status stays set
   */
  void await(BooleanSupplier durable) throws IOException {
    long since = begun;
    waiting++;
    try {
      while (!durable.getAsBoolean()) {
        checkNotFailedSince(since);
        if (running) {
          batchEnded.await();
        } else {
          start();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while the write-intent bitmap was written");
    } finally {
      waiting--;
    }
  }

  private void checkNotFailedSince(long batch) throws IOException {
    if (failedBatch > batch) {
      throw failure instanceof IOException e
          ? new DeviceException(DeviceException.kindOf(e), describe(e), e)
          : new IOException(describe(failure), failure);
    }
  }

  private static String describe(Throwable failure) {
    return "write-intent bitmap not written, what waited for it was not started: "
        + failure.getMessage();
  }

  private void start() throws IOException {
    Invariant.check(!wanted.isEmpty(), "a thread waits for bits that no page is to be written for");
    Invariant.check(lock.getHoldCount() == 1, "bitmap lock held %d times", lock.getHoldCount());
    running = true;
    begunAt = env.ticker().read();
    boolean started = false;
    lock.unlock();
    try {
      env.io().execute(this::writeBatches);
      started = true;
    } catch (RejectedExecutionException e) {
      throw new IOException("write-intent bitmap not written: the node is stopping", e);
    } finally {
      lock.lock();
      if (!started) {
        running = false;
        batchEnded.signalAll();
      }
    }
  }

  /** Writes batch after batch until nothing is wanted, nobody waits, or one fails. */
  private void writeBatches() {
    boolean more = true;
    while (more) {
      List<BitmapPage> batch = begin();
      if (batch.isEmpty()) {
        return;
      }
      Throwable failed = null;
      try {
        storage.writePages(batch);
      } catch (IOException | RuntimeException | Error e) {
        failed = e;
      }
      more = end(batch, failed);
      if (failed instanceof Error bug) {
        throw bug;
      }
    }
  }

  private List<BitmapPage> begin() {
    lock.lock();
    try {
      List<BitmapPage> batch = new ArrayList<>();
      int page = waiting == 0 ? -1 : wanted.nextSetBit(0);
      for (; page >= 0 && batch.size() < MAX_PAGES_PER_BATCH; page = wanted.nextSetBit(page + 1)) {
        ByteBuffer buffer = buffers.page(batch.size());
        source.encode(page, buffer);
        batch.add(new BitmapPage(page, buffer.asReadOnlyBuffer()));
        wanted.clear(page);
      }
      if (batch.isEmpty()) {
        running = false;
      } else {
        begun++;
        begunAt = env.ticker().read();
      }
      return batch;
    } finally {
      lock.unlock();
    }
  }

  /** Whether to go on with another batch. */
  private boolean end(List<BitmapPage> batch, Throwable failed) {
    lock.lock();
    try {
      if (failed == null) {
        for (int i = 0; i < batch.size(); i++) {
          int page = batch.get(i).index();
          if (page < landedIn.length) {
            source.landed(page, buffers.page(i));
            landedIn[page] = begun;
          }
        }
      } else {
        batch.forEach(page -> want(page.index()));
        failedBatch = begun;
        failure = failed;
        running = false;
      }
      batchEnded.signalAll();
      return failed == null;
    } finally {
      lock.unlock();
    }
  }
}
