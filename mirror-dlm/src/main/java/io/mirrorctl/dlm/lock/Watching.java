package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.Watch;
import io.mirrorctl.dlm.store.WatchDepth;
import java.util.Optional;

/** A watch on one entry that comes and goes as it is wanted. */
final class Watching {
  private final LockspaceMember member;
  private final String path;
  private final Runnable onChange;
  private final Runnable onInPlace;
  private Optional<Watch> watch = Optional.empty();
  private boolean asked;
  private boolean wanted;

  /**
   * @param onInPlace told when the watch has come to be in place: what changed before is not told
   */
  Watching(LockspaceMember member, String path, Runnable onChange, Runnable onInPlace) {
    this.member = member;
    this.path = path;
    this.onChange = onChange;
    this.onInPlace = onInPlace;
  }

  void want() {
    wanted = true;
    if (!asked) {
      asked = true;
      member.answered(
          member.store().watch(path, WatchDepth.ENTRY, _ -> member.guarded(this::changed)),
          this::inPlace);
    }
  }

  boolean isWanted() {
    return wanted;
  }

  private void changed() {
    if (wanted) {
      onChange.run();
    }
  }

  private void inPlace(Watch placed) {
    watch = Optional.of(placed);
    if (wanted) {
      onInPlace.run();
    } else {
      drop();
    }
  }

  void drop() {
    wanted = false;
    if (watch.isPresent()) {
      watch.get().close();
      watch = Optional.empty();
      asked = false;
    }
  }
}
