package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class ByteBudgetTest {
  private static final int MEBIBYTE = 1 << 20;

  private final ByteBudget budget = new ByteBudget(16L * MEBIBYTE, 8L * MEBIBYTE);
  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void stop() {
    threads.shutdownNow();
  }

  private Future<?> take(ByteBudget.Share share, int bytes) {
    return threads.submit(() -> {
      share.take(bytes);
      return null;
    });
  }

  @Test
  void aShareIsTheMostOfOneConnection() {
    ByteBudget.Share share = budget.share();
    assertThat(share.tryTake(8 * MEBIBYTE)).isTrue();
    assertThat(share.tryTake(1)).isFalse();
    share.give(MEBIBYTE);
    assertThat(share.tryTake(MEBIBYTE)).isTrue();
    assertThat(budget.used()).isEqualTo(8L * MEBIBYTE);
  }

  @Test
  void oneRequestFitsHoweverLargeItIs() {
    ByteBudget.Share share = budget.share();
    assertThat(share.tryTake(20 * MEBIBYTE)).isTrue();
    share.give(20 * MEBIBYTE);
    assertThat(budget.used()).isZero();
  }

  @Test
  void whoHasNothingGetsTheFloorEvenWhenAllIsUsed() {
    ByteBudget.Share first = budget.share();
    ByteBudget.Share second = budget.share();
    ByteBudget.Share third = budget.share();
    assertThat(first.tryTake(8 * MEBIBYTE)).isTrue();
    assertThat(second.tryTake(8 * MEBIBYTE)).isTrue();
    assertThat(third.tryTake(2 * MEBIBYTE)).isFalse();
    assertThat(third.tryTake(ByteBudget.FLOOR)).isTrue();
    assertThat(third.tryTake(1)).isFalse();
  }

  @Test
  void whoWaitsIsServedWhenOthersGiveBack() throws Exception {
    ByteBudget.Share first = budget.share();
    ByteBudget.Share second = budget.share();
    ByteBudget.Share third = budget.share();
    first.take(8 * MEBIBYTE);
    second.take(8 * MEBIBYTE);
    Future<?> large = take(third, 4 * MEBIBYTE);
    first.give(2 * MEBIBYTE);
    assertThat(large).isNotDone();
    first.give(2 * MEBIBYTE);
    large.get();
    assertThat(third.held()).isEqualTo(4L * MEBIBYTE);
    assertThat(budget.used()).isEqualTo(16L * MEBIBYTE);
  }

  @Test
  void aLargeRequestIsNotOvertakenForEverBySmallOnes() throws Exception {
    ByteBudget.Share holder = budget.share();
    ByteBudget.Share large = budget.share();
    ByteBudget.Share small = budget.share();
    holder.take(8 * MEBIBYTE);
    small.take(4 * MEBIBYTE);
    Future<?> waiting = take(large, 8 * MEBIBYTE);
    await().until(() -> !small.tryTake(4096) || give(small, 4096));
    // with one waiting, what would fit now has to wait behind it
    Future<?> behind = take(small, 4096);
    holder.give(4 * MEBIBYTE);
    waiting.get();
    holder.give(4 * MEBIBYTE);
    behind.get();
  }

  private static boolean give(ByteBudget.Share share, int bytes) {
    share.give(bytes);
    return false;
  }

  @Test
  void whoWaitsForItsOwnShareHoldsUpNobody() throws Exception {
    ByteBudget.Share first = budget.share();
    ByteBudget.Share second = budget.share();
    first.take(8 * MEBIBYTE);
    Future<?> greedy = take(first, 4096);
    Future<?> modest = take(second, 2 * MEBIBYTE);
    modest.get();
    assertThat(greedy).isNotDone();
    first.give(4096);
    greedy.get();
  }

  @Test
  void anInterruptEndsTheWaiting() throws Exception {
    ByteBudget.Share first = budget.share();
    ByteBudget.Share second = budget.share();
    first.take(8 * MEBIBYTE);
    Future<?> waiting = take(first, 4096);
    waiting.cancel(true);
    await().untilAsserted(() -> assertThat(second.tryTake(2 * MEBIBYTE)).isTrue());
    first.give(8 * MEBIBYTE);
    second.give(2 * MEBIBYTE);
    assertThat(budget.used()).isZero();
  }
}
