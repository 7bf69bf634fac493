package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PaceTest {
  private static final boolean WAITED = true;
  private static final boolean NOT_WAITED = false;

  private final Pace pace = new Pace();

  private boolean lone(boolean waited) {
    return pace.expectMore(0, false, waited);
  }

  private void settle() {
    for (int i = 0; i < 100; i++) {
      lone(WAITED);
    }
    assertThat(lone(WAITED)).isFalse();
  }

  @Test
  void aNewClientIsExpectedToSendMore() {
    assertThat(lone(WAITED)).isTrue();
  }

  @Test
  void aClientThatAlwaysWaitsForItsAnswerIsNot() {
    settle();
  }

  @Test
  void anotherRequestInFlightOrHereAlreadyChangesThatAtOnce() {
    settle();
    assertThat(pace.expectMore(1, false, WAITED)).isTrue();
    assertThat(lone(WAITED)).isTrue();
    settle();
    assertThat(pace.expectMore(0, true, WAITED)).isTrue();
    assertThat(lone(WAITED)).isTrue();
  }

  @Test
  void requestsThatAlwaysLieReadyChangeThatToo() {
    settle();
    int ready = 0;
    while (!lone(NOT_WAITED)) {
      assertThat(++ready).isLessThan(100);
    }
    assertThat(ready).isGreaterThan(5);
  }
}
