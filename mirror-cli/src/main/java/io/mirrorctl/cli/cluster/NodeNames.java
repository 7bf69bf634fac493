package io.mirrorctl.cli.cluster;

import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Store;
import java.io.IOException;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What people call the nodes; read again when one is new. Threading: any thread. */
final class NodeNames {
  private static final Logger LOG = LoggerFactory.getLogger(NodeNames.class);

  private final Supplier<Optional<Store>> store;
  private volatile NodeNumbers known = NodeNumbers.NONE;

  /**
   * @param store of this incarnation, if there is one now
   */
  NodeNames(Supplier<Optional<Store>> store) {
    this.store = store;
  }

  void learn(NodeNumbers numbers) {
    known = numbers;
  }

  /** The name, or the number as one if it cannot be found out. May block. */
  String of(int node) {
    if (!known.names().containsKey(node)) {
      store.get().ifPresent(s -> read(s, node));
    }
    return known.nameOf(node);
  }

  private void read(Store from, int node) {
    try {
      Optional<Entry> entry = Answers.await(from.read(NodeNumbers.PATH), "the names of the nodes");
      if (entry.isPresent()) {
        known = NodeNumbers.decode(entry.get().data());
      }
    } catch (IOException | IllegalArgumentException e) {
      LOG.warn("the name of node {} is not known: {}", node, e.getMessage());
    }
  }

  /** The number that this name has, as far as it is known here. */
  Optional<Integer> numberOf(String name) {
    return known.numberOf(name);
  }
}
