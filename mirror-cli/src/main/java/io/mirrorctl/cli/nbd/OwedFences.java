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
  private final Map<Integer, Long> refused = new ConcurrentHashMap<>();

  void add(Map<Integer, Long> victims) {
    victims.forEach((node, incarnation) -> incarnations.merge(node, incarnation, Math::max));
  }

  /** The same for those that the server was not told of before; whether there were any. */
  boolean addNew(Map<Integer, Long> victims) {
    boolean any = false;
    for (Map.Entry<Integer, Long> victim : victims.entrySet()) {
      if (refused.getOrDefault(victim.getKey(), -1L) < victim.getValue()) {
        incarnations.merge(victim.getKey(), victim.getValue(), Math::max);
        any = true;
      }
    }
    return any;
  }

  /** The server refuses them. */
  void paid(List<NodeIdentity> victims) {
    for (NodeIdentity victim : victims) {
      refused.merge(victim.node(), victim.incarnation(), Math::max);
      incarnations.computeIfPresent(
          victim.node(), (_, owed) -> owed <= victim.incarnation() ? null : owed);
    }
  }

  boolean any() {
    return !incarnations.isEmpty();
  }

  /** What this node has to tell the server; nothing for a client that is no node. */
  List<NodeIdentity> toldBy(Optional<NodeIdentity> self) {
    return self.map(s -> s.peers(incarnations)).orElse(List.of());
  }
}
