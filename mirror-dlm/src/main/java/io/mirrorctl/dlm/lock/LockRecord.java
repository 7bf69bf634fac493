package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.Bytes;
import java.util.List;
import java.util.Optional;

/**
 * All there is about one lock resource; stored as one entry, so that it changes as one.
 *
 * @param generation of the lockspace's view in which it was written
 * @param entries one per owner; those that queue stand in the order of their queue
 */
record LockRecord(long generation, ValueBlock value, List<Entry> entries) {

  /** What a resource is that nobody has used. */
  static final LockRecord NEW = new LockRecord(0, ValueBlock.ZERO, List.of());

  LockRecord {
    entries = List.copyOf(entries);
  }

  /**
   * One owner's part.
   *
   * @param request id of the owner's last request that changed it
   * @param sinceMillis when it came to this state, by the clock of the node that committed it
   */
  record Entry(Owner owner, State state, long request, long sinceMillis, Bytes note) {
    Entry in(State next, long millis) {
      return new Entry(owner, next, request, millis, note);
    }
  }

  /** Where an entry stands. */
  sealed interface State {
    /** Holds a mode, wants no other. */
    record Granted(LockMode mode) implements State {}

    /** Holds a mode while it queues for another. */
    record Converting(LockMode held, LockMode wanted) implements State {}

    /** Holds nothing yet. */
    record Waiting(LockMode wanted) implements State {}

    /** The mode that is held meanwhile. */
    default Optional<LockMode> heldMode() {
      return switch (this) {
        case Granted(LockMode mode) -> Optional.of(mode);
        case Converting(LockMode held, LockMode _) -> Optional.of(held);
        case Waiting _ -> Optional.empty();
      };
    }

    /** The mode that is queued for. */
    default Optional<LockMode> wantedMode() {
      return switch (this) {
        case Granted _ -> Optional.empty();
        case Converting(LockMode _, LockMode wanted) -> Optional.of(wanted);
        case Waiting(LockMode wanted) -> Optional.of(wanted);
      };
    }
  }

  Optional<Entry> of(Owner owner) {
    for (Entry entry : entries) {
      if (entry.owner().equals(owner)) {
        return Optional.of(entry);
      }
    }
    return Optional.empty();
  }

  LockRecord at(long newGeneration) {
    return new LockRecord(newGeneration, value, entries);
  }
}
