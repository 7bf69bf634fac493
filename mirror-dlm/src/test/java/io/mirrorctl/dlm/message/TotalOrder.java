package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The one order of all messages, put together from what each node has applied (invariant I6). */
final class TotalOrder {
  private final Map<Integer, Envelope> order = new TreeMap<>();

  /** Adds what one incarnation of a node has applied, in its own order. */
  TotalOrder add(String who, List<Envelope> applied, Collection<ClusterMessage> sent) {
    Envelope last = null;
    for (Envelope envelope : applied) {
      assertThat(sent).as("%s receives its own message", who).doesNotContain(envelope.message());
      if (last != null) {
        assertThat(envelope.sequence())
            .as("%s applies each once and in order: %s", who, applied)
            .isGreaterThan(last.sequence());
      }
      Envelope before = order.putIfAbsent(envelope.sequence(), envelope);
      // who sees a message through sends it as it was
      assertThat(before).as("%s, message %d", who, envelope.sequence()).isIn(null, envelope);
      last = envelope;
    }
    return this;
  }

  List<ClusterMessage> messages() {
    return order.values().stream().map(Envelope::message).toList();
  }

  /** Once all have been added: it has missed none between its first and its last. */
  void assertNoneMissed(String who, List<Envelope> applied, Collection<ClusterMessage> sent) {
    if (applied.isEmpty()) {
      return;
    }
    for (int number = applied.getFirst().sequence();
        number <= applied.getLast().sequence();
        number++) {
      Envelope envelope = order.get(number);
      assertThat(
              envelope == null || applied.contains(envelope) || sent.contains(envelope.message()))
          .as("%s has missed %s of %s", who, envelope, applied)
          .isTrue();
    }
  }
}
