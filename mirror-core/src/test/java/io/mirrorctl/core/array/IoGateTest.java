package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.SharedRig.awaitThat;
import static io.mirrorctl.core.array.SharedRig.finish;
import static io.mirrorctl.core.array.SharedRig.start;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Ticker;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class IoGateTest {
  private final AtomicLong nanos = new AtomicLong();
  private final IoGate gate =
      new IoGate(
          new Ticker() {
            @Override
            public long read() {
              return nanos.get();
            }
          });

  private boolean isHeld(int requests, int inFlight, long millis) {
    return gate.held().equals(Optional.of(new ArrayWait.Held(requests, inFlight, millis)));
  }

  @Test
  void aHoldTellsWhoWaitsForItAndForWhomItWaits() throws IOException {
    assertThat(gate.held()).isEmpty();
    gate.enter();
    var hold = start(gate::hold);
    awaitThat("the hold waits for the pass", () -> isHeld(0, 1, 0));
    nanos.addAndGet(TimeUnit.SECONDS.toNanos(2));
    var late =
        start(() -> {
          gate.enter();
          gate.exit();
        });
    awaitThat("one waits for the hold", () -> isHeld(1, 1, 2000));

    gate.exit();
    finish(hold);
    gate.hold();
    assertThat(isHeld(1, 0, 2000)).as("since the first hold: %s", gate.held()).isTrue();
    gate.resume();
    gate.resume();
    finish(late);

    assertThat(gate.held()).isEmpty();
  }
}
