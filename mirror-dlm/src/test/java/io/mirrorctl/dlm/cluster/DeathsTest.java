package io.mirrorctl.dlm.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.lock.LockspaceView;
import io.mirrorctl.dlm.lock.SlotState;
import java.util.List;
import org.junit.jupiter.api.Test;

class DeathsTest {
  private final Deaths deaths = new Deaths();

  @Test
  void theAnswerIsAnotherAfterADeathAndNegativeUntilItsTakeover() {
    assertThat(deaths.answer()).isZero();
    deaths.prep();
    assertThat(deaths.answer()).isNegative();
    deaths.began(1);
    deaths.began(2);
    deaths.done();
    assertThat(deaths.answer()).isNegative();
    deaths.freed(1);
    assertThat(deaths.answer()).isNegative();
    deaths.freed(2);
    assertThat(deaths.answer()).isEqualTo(2);
  }

  @Test
  void slotsThatWaitedBeforeCountToo() {
    deaths.start(
        new LockspaceView(
            5,
            List.of(
                new SlotState.Free(),
                new SlotState.NeedsTakeover(1, 1, 4),
                new SlotState.Member(2, 2))));
    assertThat(deaths.answer()).isNegative();
    deaths.freed(1);
    assertThat(deaths.answer()).isEqualTo(1);
  }

  @Test
  void aSecondDeathBeforeTheFirstIsTakenOverCounts() {
    deaths.began(1);
    long first = deaths.answer();
    deaths.began(2);
    assertThat(deaths.answer()).isNotEqualTo(first).isNegative();
  }
}
