package io.mirrorctl.cli.nbd;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Nodes that a server has to refuse and was not told of yet: it is before it gets another request.
 * Threading: any thread.
 */
final class OwedFences {
  private final Map<Integer, Long> incarnations = new ConcurrentHashMap<>();

  void add(int node, long incarnation) {
    incarnations.merge(node, incarnation, Math::max);
  }

  /** The server refuses it. */
  void paid(NodeIdentity victim) {
    incarnations.computeIfPresent(
        victim.node(), (_, owed) -> owed <= victim.incarnation() ? null : owed);
  }

  boolean any() {
    return !incarnations.isEmpty();
  }

  /** What this node has to tell the server; nothing for a client that is no node. */
  List<NodeIdentity> toldBy(Optional<NodeIdentity> self) {
    return self.stream()
        .flatMap(s -> incarnations.entrySet().stream().map(e -> s.peer(e.getKey(), e.getValue())))
        .toList();
  }
}
