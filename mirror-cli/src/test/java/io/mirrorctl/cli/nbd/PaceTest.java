package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.nbd.Line.Arrival;
import org.junit.jupiter.api.Test;

class PaceTest {

  private final Pace pace = new Pace();

  private boolean lone(Arrival arrival) {
    return pace.expectMore(0, false, arrival);
  }

  private void settle() {
    for (int i = 0; i < 100; i++) {
      lone(Arrival.AWAITED);
    }
    assertThat(lone(Arrival.AWAITED)).isFalse();
  }

  @Test
  void aNewClientIsExpectedToSendMore() {
    assertThat(lone(Arrival.AWAITED)).isTrue();
  }

  @Test
  void aClientThatAlwaysWaitsForItsAnswerIsNot() {
    settle();
  }

  @Test
  void anotherRequestInFlightOrHereAlreadyChangesThatAtOnce() {
    settle();
    assertThat(pace.expectMore(1, false, Arrival.AWAITED)).isTrue();
    assertThat(lone(Arrival.AWAITED)).isTrue();
    settle();
    assertThat(pace.expectMore(0, true, Arrival.AWAITED)).isTrue();
    assertThat(lone(Arrival.AWAITED)).isTrue();
  }

  @Test
  void whatIsNotKnownChangesNothing() {
    settle();
    for (int i = 0; i < 100; i++) {
      assertThat(lone(Arrival.UNKNOWN)).isFalse();
    }
    assertThat(lone(Arrival.READY)).isFalse();
  }

  @Test
  void requestsThatAlwaysLieReadyChangeThatToo() {
    settle();
    int ready = 0;
    while (!lone(Arrival.READY)) {
      assertThat(++ready).isLessThan(100);
    }
    assertThat(ready).isGreaterThan(3);
  }
}
