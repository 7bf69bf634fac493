package io.mirrorctl.dlm.member;

import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

/** Holds the I/O of the node above as long as there is a cause. Threading: the loop. */
final class IoGate {
  private final MembershipListener listener;
  private final Set<HoldCause> causes = EnumSet.of(HoldCause.JOINING);
  private CompletionStage<Void> held;

  IoGate(MembershipListener listener) {
    this.listener = listener;
  }

  /** Complete when all I/O that was submitted before has returned. */
  CompletionStage<Void> hold(HoldCause cause) {
    causes.add(cause);
    if (held == null) {
      held = asked(() -> listener.holdIo(cause));
    }
    return held;
  }

  /** Ends a cause; if it was the last, I/O runs again. */
  CompletionStage<Void> release(HoldCause cause) {
    boolean removed = causes.remove(cause);
    if (removed && causes.isEmpty()) {
      held = null;
      return asked(listener::resumeIo);
    }
    return CompletableFuture.completedFuture(null);
  }

  Set<HoldCause> causes() {
    return EnumSet.copyOf(causes);
  }

  private static CompletionStage<Void> asked(Supplier<CompletionStage<Void>> callback) {
    try {
      return callback.get();
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
  }
}
