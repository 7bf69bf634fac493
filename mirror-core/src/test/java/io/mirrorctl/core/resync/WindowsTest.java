package io.mirrorctl.core.resync;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.common.base.Ticker;
import io.mirrorctl.core.array.ClusterPort.Permit;
import io.mirrorctl.core.array.ClusterPort.Window;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Chunks of 8 sectors; a window spans at most 64. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WindowsTest {
  private static final int CHUNK = 8;
  private static final long SPAN = 64;

  /** The other nodes. */
  private static final class Others implements Permit {
    private final Semaphore answers = new Semaphore(1_000_000);
    private final List<List<Window>> heard = new CopyOnWriteArrayList<>();
    private volatile List<Window> closed = List.of();
    private volatile boolean deaf;

    @Override
    public void announce(List<Window> windows) throws IOException {
      assertThat(windows).hasSizeLessThanOrEqualTo(2);
      if (windows.size() == 2) {
        assertThat(windows.getFirst().range().overlaps(windows.getLast().range())).isFalse();
        assertThat(closed).contains(windows.getFirst());
      }
      heard.add(windows);
      answers.acquireUninterruptibly();
      if (deaf) {
        throw new IOException("nobody hears");
      }
      closed = windows;
    }

    @Override
    public long windowSectors() {
      return SPAN;
    }

    @Override
    public boolean isWanted() {
      return false;
    }

    @Override
    public void close() {}
  }

  private final TreeSet<Integer> dirty = new TreeSet<>();
  private final AtomicLong clock = new AtomicLong();
  private final Others others = new Others();
  private final Windows windows = new Windows.Announced(others, this::ahead, env());

  private Env env() {
    Env system = Env.system();
    var ticker =
        new Ticker() {
          @Override
          public long read() {
            return clock.get();
          }
        };
    return new Env(ticker, system.wallClock(), system.random(), system.io(), system.timer());
  }

  private Optional<SectorRange> ahead(long from, long sectors) {
    if (dirty.contains((int) (from / CHUNK))) {
      return Optional.of(new SectorRange(from, (from / CHUNK + 1) * CHUNK));
    }
    Integer next = dirty.higher((int) (from / CHUNK));
    return Optional.ofNullable(next).map(WindowsTest::chunk);
  }

  private static SectorRange chunk(int number) {
    return SectorRange.ofLength((long) number * CHUNK, CHUNK);
  }

  private static Window window(int... chunks) {
    List<SectorRange> parts = new ArrayList<>();
    for (int number : chunks) {
      parts.add(chunk(number));
    }
    return new Window(parts);
  }

  private void enter(int number) throws IOException {
    assertThat(windows.enter(List.of(chunk(number)))).containsExactly(chunk(number));
  }

  private void awaitHeard(List<Window> list) {
    await().atMost(Duration.ofSeconds(20)).until(() -> others.heard.getLast().equals(list));
  }

  private void dirty(int... chunks) {
    for (int number : chunks) {
      dirty.add(number);
    }
  }

  @Test
  void theNextWindowIsAnnouncedWhileTheCurrentOneIsCopied() throws Exception {
    dirty(1, 3, 20, 22, 40);
    enter(1);
    assertThat(others.heard.getFirst()).containsExactly(window(1, 3));
    awaitHeard(List.of(window(1, 3), window(20, 22)));
    enter(3);
    assertThat(others.heard).hasSize(2);
    enter(20);
    awaitHeard(List.of(window(20, 22), window(40)));
    enter(22);
    enter(40);
    awaitHeard(List.of(window(40))); // what is copied is let go of, though nothing comes behind it
    windows.leave();
    assertThat(others.heard).hasSize(5).last().isEqualTo(List.of());
    windows.leave();
    assertThat(others.heard).hasSize(5);
  }

  @Test
  void nothingIsCopiedInAWindowBeforeAllHaveAnswered() throws Exception {
    dirty(1, 20);
    others.answers.drainPermits();
    var first = entering(1);
    assertThatThrownBy(() -> first.get(50, TimeUnit.MILLISECONDS)).isNotNull();
    others.answers.release();
    first.get(20, TimeUnit.SECONDS);
    awaitHeard(List.of(window(1), window(20)));
    enter(1);
    var second = entering(20);
    assertThatThrownBy(() -> second.get(50, TimeUnit.MILLISECONDS)).isNotNull();
    others.answers.release(1_000);
    second.get(20, TimeUnit.SECONDS);
    windows.leave();
  }

  private CompletableFuture<Void> entering(int number) {
    return CompletableFuture.runAsync(() -> {
      try {
        enter(number);
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    });
  }

  @Test
  void whatBecameDirtyInsideAWindowIsAnnouncedBeforeItIsCopied() throws Exception {
    dirty(1, 3, 20);
    enter(1);
    awaitHeard(List.of(window(1, 3), window(20)));
    dirty(2);
    enter(2);
    assertThat(others.closed.getFirst()).isEqualTo(new Window(List.of(new SectorRange(16, 32))));
    windows.leave();
  }

  @Test
  void anAnnouncementAheadThatFailsIsToldWhenItIsNeededAndCountsForNothing() throws Exception {
    dirty(1, 20);
    others.answers.drainPermits();
    others.answers.release();
    enter(1);
    others.deaf = true;
    others.answers.release(1_000);
    assertThatThrownBy(() -> enter(20)).isInstanceOf(IOException.class).hasMessage("nobody hears");
    assertThatThrownBy(() -> enter(20)).isInstanceOf(IOException.class).hasMessage("nobody hears");
    others.deaf = false;
    enter(20);
    assertThat(others.closed).containsExactly(window(20));
    windows.leave();
    assertThat(others.closed).isEmpty();
  }

  @Test
  void aWindowThatTakesTooLongIsClosedAndWhatIsLeftAnnouncedAgain() throws Exception {
    dirty(1, 3, 5);
    enter(1);
    clock.addAndGet(WindowSize.BOUND_NANOS + 1);
    enter(3);
    assertThat(others.closed).containsExactly(window(3, 5));
    windows.leave();
  }

  @Test
  void nobodyRestsInAWindowAndNoWindowIsOpenDuringARest() throws Exception {
    dirty(1, 3, 20);
    enter(1);
    long second = TimeUnit.SECONDS.toNanos(1);
    assertThat(windows.rest(second, 2L * CHUNK)).as("chunk 3 is in the window").isZero();
    enter(3);
    assertThat(windows.rest(TimeUnit.MILLISECONDS.toNanos(1), 4L * CHUNK)).isZero();
    assertThat(others.closed).isNotEmpty();
    assertThat(windows.rest(second, 4L * CHUNK)).isEqualTo(second);
    assertThat(others.closed).isEmpty();
    int before = others.heard.size();
    enter(20);
    assertThat(others.heard).hasSize(before + 1);
    windows.leave();
  }

  @Test
  void onlyWhatAllHaveAnsweredIsEverCopied() throws Exception {
    long seed = System.nanoTime();
    var random = new SplittableRandom(seed);
    for (int life = 0; life < 200; life++) {
      dirty.clear();
      for (int n = random.nextInt(40); n > 0; n--) {
        dirty(random.nextInt(100));
      }
      for (int chunk = 0; chunk < 100; chunk++) {
        if (random.nextInt(10) == 0) {
          dirty(random.nextInt(100));
        }
        if (random.nextInt(10) == 0) {
          clock.addAndGet(random.nextLong(2 * WindowSize.BOUND_NANOS));
        }
        if (dirty.contains(chunk)) {
          enter(chunk);
          SectorRange copied = chunk(chunk);
          assertThat(others.closed)
              .as("seed %d, life %d, chunk %d", seed, life, chunk)
              .anyMatch(window -> window.holds(copied));
        }
        if (random.nextInt(20) == 0) {
          windows.leave();
          assertThat(others.closed).isEmpty();
        }
      }
      windows.leave();
      assertThat(others.closed).as("seed %d", seed).isEmpty();
    }
  }
}
