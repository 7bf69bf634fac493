package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.Bytes;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The locks of a lockspace as they were read, resource by resource: for {@code locks} and {@code
 * why}.
 */
public record LockTable(LockspaceView view, List<Resource> resources) {
  public LockTable {
    resources = List.copyOf(resources);
  }

  /** One resource: who holds it, and who waits for it, first in the queue first. */
  public record Resource(String name, ValueBlock value, List<Held> held, List<Waiting> waiting) {
    public Resource {
      held = List.copyOf(held);
      waiting = List.copyOf(waiting);
    }
  }

  /**
   * A mode that is held, also while a conversion waits.
   *
   * @param since the owner's request for it, or the grant if it had waited, by the clock of the
   *     node that committed it
   */
  public record Held(Owner owner, LockMode mode, Instant since, Bytes note) {}

  /**
   * A request that waits.
   *
   * @param held what it is a conversion of
   * @param since the request, by the clock of the owner's node
   * @param behind the owners that hold an incompatible mode, and those ahead in the queue
   */
  public record Waiting(
      Owner owner, Optional<LockMode> held, LockMode wanted, Instant since, Set<Owner> behind) {
    public Waiting {
      behind = Set.copyOf(behind);
    }
  }
}
