package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.SharedRig.assertWaits;
import static io.mirrorctl.core.array.SharedRig.awaitThat;
import static io.mirrorctl.core.array.SharedRig.finish;
import static io.mirrorctl.core.array.SharedRig.start;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Ticker;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.SectorRange;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SuspendListTest {
  private static final SectorRange WINDOW = new SectorRange(100, 200);
  private final AtomicLong nanos = new AtomicLong();
  private final SuspendList list =
      new SuspendList(
          true,
          new Ticker() {
            @Override
            public long read() {
              return nanos.get();
            }
          });

  /** T6: between looking and being counted a window would come too early. */
  @Test
  void nobodyIsInsideAWindowThatIsOpen() {
    AtomicInteger inside = new AtomicInteger();
    AtomicBoolean stop = new AtomicBoolean();
    List<CompletableFuture<Void>> writers = new ArrayList<>();
    for (int writer = 0; writer < 2; writer++) {
      SectorRange range = new SectorRange(90 + writer * 10L, 150);
      writers.add(
          start(() -> {
            while (!stop.get()) {
              if (list.tryEnter(range)) {
                inside.incrementAndGet();
                LockSupport.parkNanos(1_000); // long enough to be seen
                inside.decrementAndGet();
                list.exit(range);
              }
              LockSupport.parkNanos(1_000);
            }
          }));
    }
    for (int round = 0; round < 500; round++) {
      list.suspend(1, List.of(WINDOW));
      for (int look = 0; look < 5; look++) {
        assertThat(inside).hasValue(0);
        LockSupport.parkNanos(1_000);
      }
      list.suspend(1, List.of());
      LockSupport.parkNanos(1_000);
    }
    stop.set(true);
    writers.forEach(SharedRig::finish);
  }

  @Test
  void windowsAreTheirResyncersAndHalfOpen() {
    list.suspend(1, List.of(WINDOW));
    list.suspend(2, List.of(new SectorRange(150, 300)));
    list.suspend(1, List.of());
    assertThat(list.tryEnter(new SectorRange(199, 201))).as("in slot 2's window").isFalse();
    assertThat(list.tryEnter(new SectorRange(100, 150))).isTrue();
    assertThat(list.tryEnter(new SectorRange(300, 301))).isTrue();
    list.suspend(2, List.of(new SectorRange(400, 500), new SectorRange(600, 700)));
    assertThat(list.tryEnter(new SectorRange(199, 201))).as("the list is replaced").isTrue();
    assertThat(list.tryEnter(new SectorRange(450, 451))).isFalse();
    assertThat(list.tryEnter(new SectorRange(699, 800))).isFalse();
  }

  @Test
  void whoeverWaitsGoesOnWhenTheWindowMovesOrFailsWhenTheArrayIsHalted() throws Exception {
    list.suspend(1, List.of(WINDOW));
    var first = start(() -> list.awaitFree(WINDOW));
    assertWaits(first);
    list.suspend(1, List.of(new SectorRange(200, 300)));
    finish(first);
    var second = start(() -> list.awaitFree(new SectorRange(250, 251)));
    assertWaits(second);
    list.fail("the lease is over");
    assertThat(second)
        .failsWithin(20, TimeUnit.SECONDS)
        .withThrowableOfType(ExecutionException.class)
        .withCauseInstanceOf(DeviceException.class)
        .withMessageContaining("the lease is over");
  }

  @Test
  void whoWaitsForWhomIsToldWithTheTimeOfTheFirst() {
    list.suspend(1, List.of(WINDOW));
    list.suspend(2, List.of(new SectorRange(500, 600)));
    assertThat(list.waits()).as("nobody waits").isEmpty();
    var first = start(() -> list.awaitFree(WINDOW));
    awaitThat("the first waits", () -> list.waits().size() == 1);
    nanos.addAndGet(TimeUnit.SECONDS.toNanos(3));
    var second = start(() -> list.awaitFree(new SectorRange(150, 151)));
    awaitThat("both wait", () -> list.waits().equals(List.of(new ArrayWait.Suspended(1, 2, 3000))));
    list.suspend(1, List.of());
    finish(first);
    finish(second);
    assertThat(list.waits()).isEmpty();
  }
}
