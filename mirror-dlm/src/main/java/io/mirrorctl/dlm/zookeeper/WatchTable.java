package io.mirrorctl.dlm.zookeeper;

import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.store.Change;
import io.mirrorctl.dlm.store.WatchDepth;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.AsyncCallback.VoidCallback;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooKeeper;

/**
 * The watches of a session. The servers keep one for each path and depth, however many ask for it:
 * ZooKeeper's client can take one watcher of several off a path only for itself, and the servers
 * would go on sending.
 *
 * <p>Threading: the loop owns the table.
 */
final class WatchTable {
  private record Key(String path, WatchDepth depth) {}

  /** All that asked for one path and depth. */
  private final class Shared implements Watcher {
    private final List<Consumer<Change>> listeners = new ArrayList<>();

    /** On ZooKeeper's event thread. */
    @Override
    public void process(WatchedEvent event) {
      change(event).ifPresent(change -> loop.execute(() -> tell(change)));
    }

    private void tell(Change change) {
      List.copyOf(listeners).forEach(told -> told.accept(change));
    }
  }

  private final ZooKeeper session;
  private final Root root;
  private final Loop loop;
  private final Map<Key, Shared> shared = new HashMap<>();

  WatchTable(ZooKeeper session, Root root, Loop loop) {
    this.session = session;
    this.root = root;
    this.loop = loop;
  }

  /** From now on the listener is told, as soon as the watch has been {@link #place placed}. */
  void add(String path, WatchDepth depth, Consumer<Change> listener) {
    shared.computeIfAbsent(new Key(path, depth), _ -> new Shared()).listeners.add(listener);
  }

  /** Asks the servers for it. */
  void place(String path, WatchDepth depth, VoidCallback answered) {
    AddWatchMode mode =
        switch (depth) {
          case ENTRY -> AddWatchMode.PERSISTENT;
          case SUBTREE -> AddWatchMode.PERSISTENT_RECURSIVE;
        };
    session.addWatch(root.znode(path), shared.get(new Key(path, depth)), mode, answered, null);
  }

  /** The last of its path and depth takes the watch away from the servers. */
  void remove(String path, WatchDepth depth, Consumer<Change> listener) {
    var key = new Key(path, depth);
    Shared watch = shared.get(key);
    if (watch != null && watch.listeners.remove(listener) && watch.listeners.isEmpty()) {
      shared.remove(key);
      WatcherType type =
          switch (depth) {
            case ENTRY -> WatcherType.Persistent;
            case SUBTREE -> WatcherType.PersistentRecursive;
          };
      session.removeAllWatches(root.znode(path), type, true, (_, _, _) -> {}, null);
    }
  }

  private Optional<Change> change(WatchedEvent event) {
    return switch (event.getType()) {
      case NodeCreated -> change(event, Change.Kind.CREATED);
      case NodeDataChanged -> change(event, Change.Kind.CHANGED);
      case NodeDeleted -> change(event, Change.Kind.DELETED);
      default -> Optional.empty();
    };
  }

  private Optional<Change> change(WatchedEvent event, Change.Kind kind) {
    String entry = root.entry(event.getPath());
    return entry.equals("/") ? Optional.empty() : Optional.of(new Change(entry, kind));
  }
}
