package io.mirrorctl.core.bitmap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.with;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BitmapGeometry;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class GroupCommitTest {
  private static final BitmapGeometry GEOMETRY = new BitmapGeometry(31000 * 8L, 4096);

  private final SlotOnDisk disk = new SlotOnDisk(GEOMETRY);
  private final WriteIntentBitmap bitmap = disk.bitmap(GEOMETRY);
  private final Semaphore mayLand = new Semaphore(0);
  private final List<Writer> writers = new ArrayList<>();

  /** A thread that starts one write. */
  private final class Writer {
    final AtomicReference<Exception> failure = new AtomicReference<>();
    final CountDownLatch done = new CountDownLatch(1);
    final SectorRange range;
    final Thread thread;
    volatile boolean interruptedAfterwards;

    Writer(long chunk) {
      this(SectorRange.ofLength(chunk * 8, 8));
    }

    Writer(SectorRange range) {
      this.range = range;
      this.thread = Thread.ofVirtual().start(this::run);
      writers.add(this);
    }

    private void run() {
      try {
        bitmap.startWrite(range);
      } catch (IOException e) {
        failure.set(e);
      }
      interruptedAfterwards = Thread.currentThread().isInterrupted();
      done.countDown();
    }

    Writer waits() {
      with()
          .pollInterval(Duration.ofMillis(1))
          .until(() -> thread.getState() == Thread.State.WAITING);
      assertThat(done.getCount()).isEqualTo(1);
      return this;
    }

    void isThrough() throws InterruptedException {
      done.await();
      assertThat(failure).hasValue(null);
    }
  }

  private void holdWrites() {
    disk.beforeLanding = mayLand::acquireUninterruptibly;
  }

  private void awaitWrites(int writes) {
    with().pollInterval(Duration.ofMillis(1)).until(() -> disk.writes.get() == writes);
  }

  @AfterEach
  void letAllGo() throws InterruptedException {
    disk.beforeLanding = () -> {};
    mayLand.release(1000);
    for (Writer writer : writers) {
      writer.thread.join();
    }
  }

  @Test
  void concurrentFirstWritesShareTheirPageWrites() throws InterruptedException {
    holdWrites();
    Writer first = new Writer(0).waits();
    awaitWrites(1);
    for (int chunk = 1; chunk < 64; chunk++) {
      new Writer(chunk).waits();
    }
    mayLand.release();
    first.isThrough();
    awaitWrites(2);
    assertThat(disk.bit(0)).isTrue();
    assertThat(disk.bit(1)).isFalse();
    mayLand.release();
    for (Writer writer : writers) {
      writer.isThrough();
    }
    assertThat(disk.writes).hasValue(2);
    for (int chunk = 0; chunk < 64; chunk++) {
      assertThat(disk.bit(chunk)).isTrue();
    }
  }

  @Test
  void aSecondWriterOfAChunkWaitsForTheBitThatIsOnItsWay() throws InterruptedException {
    holdWrites();
    Writer first = new Writer(5).waits();
    awaitWrites(1);
    Writer second = new Writer(5).waits();
    mayLand.release();
    first.isThrough();
    second.isThrough();
    assertThat(disk.writes).hasValue(1);
  }

  @Test
  void aWriterOfADurableChunkDoesNotWaitForTheBitsOfOthers() throws Exception {
    bitmap.startWrite(SectorRange.ofLength(0, 8));
    holdWrites();
    new Writer(5).waits();
    new Writer(0).isThrough();
  }

  @Test
  void aBitThatIsSetWhileItsClearingIsOnTheWayIsWrittenBehindIt() throws Exception {
    SectorRange range = SectorRange.ofLength(5 * 8, 8);
    bitmap.startWrite(range);
    bitmap.endWrite(range, true);
    bitmap.sweep();
    bitmap.updateHeader(h -> h.toBuilder().eventsCleared(1).build());
    assertThat(disk.writes).hasValue(2);
    holdWrites();
    Thread sweeper =
        Thread.ofVirtual()
            .start(() -> {
              try {
                bitmap.sweep();
              } catch (IOException e) {
                throw new AssertionError(e);
              }
            });
    awaitWrites(3);
    Writer writer = new Writer(5).waits();
    mayLand.release();
    sweeper.join();
    awaitWrites(4);
    assertThat(disk.bit(5)).isFalse();
    writer.waits();
    mayLand.release();
    writer.isThrough();
    assertThat(disk.bit(5)).isTrue();
  }

  @Test
  void aHeaderIsNotDurableBecauseAnOlderImageOfItsPageLanded() throws Exception {
    SectorRange onPage1 = SectorRange.ofLength(30725 * 8, 8);
    bitmap.startWrite(onPage1);
    bitmap.endWrite(onPage1, true);
    bitmap.sweep();
    holdWrites();
    new Writer(0).waits();
    awaitWrites(2);
    var swept = new FutureTask<>(() -> assertThatThrownBy(bitmap::sweep));
    Thread sweeper = Thread.ofVirtual().start(swept);
    with()
        .pollInterval(Duration.ofMillis(1))
        .until(() -> sweeper.getState() == Thread.State.WAITING);
    disk.beforeLanding =
        () -> {
          throw new IOException("no");
        };
    mayLand.release();
    swept.get();
    assertThat(disk.bit(0)).isTrue();
    assertThat(disk.header().eventsCleared()).isZero();
    disk.beforeLanding = () -> {};
    disk.log.clear();
    bitmap.sweep();
    assertThat(disk.log).containsExactly("flush", "write 0", "write 1");
  }

  @Test
  void anInterruptedWriterLeavesUncountedAndItsPageWriteGoesOn() throws InterruptedException {
    holdWrites();
    Writer interrupted = new Writer(5).waits();
    awaitWrites(1);
    Writer other = new Writer(5).waits();
    interrupted.thread.interrupt();
    interrupted.done.await();
    assertThat(interrupted.failure.get()).isInstanceOf(InterruptedIOException.class);
    assertThat(interrupted.interruptedAfterwards).isTrue();
    mayLand.release();
    other.isThrough();
    assertThat(disk.writes).hasValue(1);
    bitmap.endWrite(other.range, true);
    assertThatThrownBy(() -> bitmap.endWrite(other.range, true)).isInstanceOf(AssertionError.class);
  }

  @Test
  void onlyThoseFailWhoWaitedBeforeTheFailingWriteBegan() throws InterruptedException {
    AtomicReference<IOException> failure = new AtomicReference<>(new IOException("no"));
    disk.beforeLanding =
        () -> {
          mayLand.acquireUninterruptibly();
          IOException e = failure.getAndSet(null);
          if (e != null) {
            throw e;
          }
        };
    Writer first = new Writer(5).waits();
    awaitWrites(1);
    Writer second = new Writer(5).waits();
    mayLand.release();
    first.done.await();
    assertThat(first.failure.get()).hasRootCauseMessage("no");
    awaitWrites(2);
    assertThat(disk.bit(5)).isFalse();
    second.waits();
    mayLand.release();
    second.isThrough();
    assertThat(disk.bit(5)).isTrue();
  }

  @Test
  void aFullCounterBlocksWritersUntilOneEnds() throws Exception {
    SectorRange range = SectorRange.ofLength(5 * 8, 8);
    for (int i = 0; i < CounterPage.COUNT - 2; i++) {
      bitmap.startWrite(range);
    }
    Writer one = new Writer(new SectorRange(4 * 8, 6 * 8)).waits();
    Writer two = new Writer(5).waits();
    two.thread.interrupt();
    two.done.await();
    assertThat(two.failure.get()).isInstanceOf(InterruptedIOException.class);
    bitmap.endWrite(range, true);
    one.isThrough();
    bitmap.endWrite(one.range, true);
    for (int i = 0; i < CounterPage.COUNT - 3; i++) {
      bitmap.endWrite(range, true);
    }
    bitmap.flushClean();
    assertThat(bitmap.dirtyChunks()).isZero();
  }

  @Test
  void aWriterInterruptedInTheQueueOfAFullCounterLeavesTheChunksBeforeUncounted() throws Exception {
    SectorRange range = SectorRange.ofLength(5 * 8, 8);
    for (int i = 0; i < CounterPage.COUNT - 2; i++) {
      bitmap.startWrite(range);
    }
    Writer writer = new Writer(new SectorRange(4 * 8, 7 * 8)).waits();
    writer.thread.interrupt();
    writer.done.await();
    assertThatThrownBy(() -> bitmap.endWrite(SectorRange.ofLength(4 * 8, 8), true))
        .isInstanceOf(AssertionError.class);
    assertThatThrownBy(() -> bitmap.endWrite(SectorRange.ofLength(6 * 8, 8), true))
        .isInstanceOf(AssertionError.class);
  }

  @Test
  void pagesUnderWayAreToldWithThoseWhoWaitForThem() throws InterruptedException {
    assertThat(bitmap.pagesUnderWay()).isEmpty();
    holdWrites();
    Writer writer = new Writer(1).waits();

    assertThat(bitmap.pagesUnderWay())
        .hasValueSatisfying(pages -> {
          assertThat(pages.waiting()).isEqualTo(1);
          assertThat(pages.millis()).isNotNegative();
        });
    mayLand.release(100);
    writer.isThrough();

    with().pollInterval(Duration.ofMillis(1)).until(() -> bitmap.pagesUnderWay().isEmpty());
  }
}
