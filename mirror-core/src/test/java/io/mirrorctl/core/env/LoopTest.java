package io.mirrorctl.core.env;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LoopTest {
  private final List<Throwable> thrown = new CopyOnWriteArrayList<>();
  private final Loop loop = Loop.start("loop under test", (_, e) -> thrown.add(e));

  @AfterEach
  void close() {
    loop.close();
  }

  @Test
  void runsTasksInTheOrderInWhichTheyCame() {
    var order = new CopyOnWriteArrayList<Integer>();
    IntStream.range(0, 1000).forEach(i -> loop.execute(() -> order.add(i)));
    await().until(() -> order.size() == 1000);
    assertThat(order).isSorted();
  }

  @Test
  void knowsItsOwnTasks() {
    var inside = CompletableFuture.supplyAsync(loop::isCurrent, loop);
    assertThat(inside.join()).isTrue();
    assertThat(loop.isCurrent()).isFalse();
  }

  @Test
  void whatATaskThrowsIsToldAndTheNextOneRuns() {
    var bug = new IllegalStateException("bug");
    loop.execute(() -> {
      throw bug;
    });
    CompletableFuture.runAsync(() -> {}, loop).join();
    assertThat(thrown).containsExactly(bug);
  }

  @Test
  void aCancelledTimerDoesNotRun() {
    var ran = new AtomicBoolean();
    var busy = new CountDownLatch(1);
    loop.execute(() -> awaitQuietly(busy));
    loop.after(Duration.ZERO, () -> ran.set(true)).cancel();
    busy.countDown();
    var later = new CompletableFuture<Void>();
    loop.after(Duration.ofMillis(1), () -> later.complete(null));
    later.join();
    assertThat(ran).isFalse();
  }

  @Test
  void aClosedLoopDropsTasks() {
    var ran = new AtomicBoolean();
    loop.close();
    loop.execute(() -> ran.set(true));
    loop.after(Duration.ZERO, () -> ran.set(true)).cancel();
    assertThat(ran).isFalse();
    assertThat(thrown).isEmpty();
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
