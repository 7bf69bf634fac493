package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.lock.LockRecord.Entry;
import io.mirrorctl.dlm.lock.LockRecord.State;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/** Who is in whose way, in a record. */
final class Blocking {
  private Blocking() {}

  /** A request that waits, and the mode it is for. */
  record Wanted(LockMode mode, Owner owner, long request) {}

  /** The highest request that this owner's granted mode is in the way of; the first of several. */
  static Optional<Wanted> by(Owner owner, LockRecord record) {
    Optional<LockMode> held = record.of(owner).flatMap(entry -> entry.state().heldMode());
    Wanted highest = null;
    for (Entry entry : record.entries()) {
      Optional<LockMode> wanted = entry.state().wantedMode();
      if (held.isPresent()
          && wanted.isPresent()
          && !entry.owner().equals(owner)
          && !wanted.get().isCompatibleWith(held.get())
          && (highest == null || wanted.get().compareTo(highest.mode()) > 0)) {
        highest = new Wanted(wanted.get(), entry.owner(), entry.request());
      }
    }
    return Optional.ofNullable(highest);
  }

  /** Whom an entry that queues waits for: what is held against it, and who comes first. */
  static Set<Owner> of(Entry waiting, LockRecord record) {
    LockMode wanted = waiting.state().wantedMode().orElseThrow();
    Set<Owner> behind = new HashSet<>();
    boolean ahead = true;
    for (Entry entry : record.entries()) {
      if (entry.equals(waiting)) {
        ahead = false;
        continue;
      }
      boolean conflicts =
          entry.state().heldMode().filter(held -> !held.isCompatibleWith(wanted)).isPresent();
      if (conflicts || comesFirst(entry.state(), waiting.state(), ahead)) {
        behind.add(entry.owner());
      }
    }
    return behind;
  }

  private static boolean comesFirst(State other, State waiting, boolean ahead) {
    return switch (other) {
      case State.Granted _ -> false;
      case State.Converting _ -> ahead || waiting instanceof State.Waiting;
      case State.Waiting _ -> ahead && waiting instanceof State.Waiting;
    };
  }
}
