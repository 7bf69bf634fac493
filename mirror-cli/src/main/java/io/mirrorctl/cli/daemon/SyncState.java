package io.mirrorctl.cli.daemon;

import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.array.MemberState;
import io.mirrorctl.core.resync.SyncProgress;
import io.mirrorctl.core.resync.SyncThread;
import java.util.Optional;

/**
 * What is being copied or checked.
 *
 * @param action resync, recovery, check or repair
 * @param percent 0 to 100, with one digit
 * @param etaSeconds -1 if that cannot be told
 * @param mismatchBytes bytes found to differ so far, by check or repair
 */
public record SyncState(
    String action,
    double percent,
    long bytesPerSecond,
    long etaSeconds,
    boolean paused,
    long mismatchBytes) {

  static Optional<SyncState> of(ArrayStatus status, SyncThread sync) {
    return sync.progress()
        .map(SyncState::of)
        .or(() ->
            sync.isPaused() && !sync.isIdle()
                ? Optional.of(new SyncState(waiting(status), 0, 0, -1, true, 0))
                : Optional.empty());
  }

  private static SyncState of(SyncProgress progress) {
    return new SyncState(
        progress.action(),
        Math.floor(progress.percent() * 10) / 10,
        progress.bytesPerSecond(),
        progress.etaSeconds(),
        progress.paused(),
        progress.mismatchSectors() * 512);
  }

  private static String waiting(ArrayStatus status) {
    if (status.members().stream().anyMatch(m -> m.state() instanceof MemberState.Recovering)) {
      return "recovery";
    }
    return status.neededChunks() > 0 ? "resync" : "check";
  }
}
