package io.mirrorctl.cli.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Ticker;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class UnderWayTest {
  private final AtomicLong nanos = new AtomicLong(1);
  private final UnderWay underWay =
      new UnderWay(
          new Ticker() {
            @Override
            public long read() {
              return nanos.get();
            }
          });

  private void secondsPass(int seconds) {
    for (int i = 0; i < seconds; i++) {
      nanos.addAndGet(TimeUnit.SECONDS.toNanos(1));
      underWay.turn();
    }
  }

  @Test
  void nothingIsUnderWayBeforeTheFirstRequestAndAfterTheLast() {
    assertThat(underWay.oldest()).isEmpty();
    int first = underWay.begin();
    int second = underWay.begin();
    assertThat(underWay.oldest()).contains(new UnderWay.Oldest(2, 0));
    underWay.end(first);
    underWay.end(second);
    secondsPass(3);
    assertThat(underWay.oldest()).isEmpty();
  }

  @Test
  void theAgeOfARequestIsNeverOverstatedAndAtMostATurnBehind() {
    secondsPass(5);
    int stuck = underWay.begin();
    secondsPass(10);
    assertThat(underWay.oldest()).contains(new UnderWay.Oldest(1, 9000));
    underWay.end(stuck);
    assertThat(underWay.oldest()).isEmpty();
  }

  @Test
  void requestsThatComeAndGoDoNotHideOneThatStays() {
    int stuck = underWay.begin();
    for (int i = 0; i < 20; i++) {
      int passing = underWay.begin();
      secondsPass(1);
      underWay.end(passing);
    }
    assertThat(underWay.oldest()).contains(new UnderWay.Oldest(1, 19_000));
    int next = underWay.begin();
    underWay.end(stuck);
    assertThat(underWay.oldest()).contains(new UnderWay.Oldest(1, 0));
    secondsPass(2);
    assertThat(underWay.oldest())
        .hasValueSatisfying(oldest -> assertThat(oldest.atLeastMillis()).isBetween(1000L, 2000L));
    underWay.end(next);
  }
}
