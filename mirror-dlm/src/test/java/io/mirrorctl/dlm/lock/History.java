package io.mirrorctl.dlm.lock;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** What nodes asked for and were told, with the moments: the input of {@link HistoryChecker}. */
final class History {
  private final List<Event> events = new ArrayList<>();

  /**
   * Something a node did or was told.
   *
   * @param time on a clock that all nodes share
   * @param node one incarnation of a node
   */
  record Event(long time, String node, What what) {}

  /** What it was. */
  sealed interface What {
    /**
     * A lock was asked for these modes, one after the other; and perhaps for a value to be written.
     */
    record Asked(String resource, Set<LockMode> modes, long written) implements What {}

    /** A mode was granted; {@code wrote} if the value is the one that was asked to be written. */
    record Granted(
        String resource,
        LockMode mode,
        long value,
        boolean valid,
        long generation,
        long version,
        boolean wrote)
        implements What {}

    /** The request has its outcome; what was granted last is held. */
    record Settled(String resource) implements What {}

    /** The lock is gone. */
    record Released(String resource) implements What {}

    /** A blocking callback. */
    record Blocking(String resource) implements What {}

    /** A callback of the lockspace. */
    record Callback(String text, long generation) implements What {}

    /** What the node holds counts until then, unless another one comes. */
    record Lease(long until) implements What {}

    /** Nothing counts any more of what the node believes it holds. */
    record Over() implements What {}
  }

  void add(long time, String node, What what) {
    events.add(new Event(time, node, what));
  }

  /** In the order of time, as far as it tells; otherwise as they came in. */
  List<Event> events() {
    return events.stream().sorted(Comparator.comparingLong(Event::time)).toList();
  }

  static Set<LockMode> modes(LockMode first, LockMode... more) {
    return EnumSet.of(first, more);
  }
}
