package io.mirrorctl.dlm.message;

import io.mirrorctl.core.env.Loop;
import java.time.Duration;
import java.util.Set;

/** Reports who keeps a sender waiting for longer than the limit, again and again. */
final class Watchdog {
  private final ChannelState state;
  private final Loop loop;
  private final Duration patience;
  private Loop.Timer timer = () -> {};
  private int wait;

  Watchdog(ChannelState state, Loop loop, Duration patience) {
    this.state = state;
    this.loop = loop;
    this.patience = patience;
  }

  /** A wait begins. */
  void start() {
    stop();
    look(wait);
  }

  void stop() {
    timer.cancel();
    wait++;
  }

  private void look(int of) {
    timer =
        loop.after(
            patience,
            () -> {
              look(of);
              var _ =
                  state
                      .locks()
                      .heldUpBy()
                      .thenAccept(slots -> state.onLoop(() -> report(of, slots)));
            });
  }

  private void report(int of, Set<Integer> slots) {
    if (of == wait && state.end().isEmpty()) {
      slots.forEach(slot ->
          state
              .listener()
              .eject(slot, "no answer to a message for %d ms".formatted(patience.toMillis())));
    }
  }
}
