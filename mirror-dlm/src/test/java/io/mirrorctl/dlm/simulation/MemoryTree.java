package io.mirrorctl.dlm.simulation;

import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.Change;
import io.mirrorctl.dlm.store.CommitResult.Reason;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.StorePath;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The entries of all times: as they were after each commit. Commits are numbered from 1. */
final class MemoryTree {
  private record Version(int commit, Optional<Entry> entry) {}

  private final TreeMap<String, List<Version>> histories = new TreeMap<>();
  private final List<List<Change>> commits = new ArrayList<>();

  /** Number of the last commit. */
  int head() {
    return commits.size();
  }

  /** What the commit changed. */
  List<Change> changes(int commit) {
    return commits.get(commit - 1);
  }

  /** The entry after the commit. */
  Optional<Entry> entry(String path, int commit) {
    List<Version> history = histories.getOrDefault(path, List.of());
    for (int i = history.size() - 1; i >= 0; i--) {
      if (history.get(i).commit <= commit) {
        return history.get(i).entry;
      }
    }
    return Optional.empty();
  }

  /** Names of the entries right below, after the commit. */
  List<String> children(String path, int commit) {
    String prefix = path.equals(StorePath.ROOT) ? path : path + "/";
    var names = new ArrayList<String>();
    for (String below : histories.tailMap(prefix, false).keySet()) {
      if (!below.startsWith(prefix)) {
        break;
      }
      if (below.indexOf('/', prefix.length()) < 0 && entry(below, commit).isPresent()) {
        names.add(below.substring(prefix.length()));
      }
    }
    return names;
  }

  /** Paths of the entries that end with the session. */
  List<String> ephemerals(long session) {
    return histories.keySet().stream()
        .filter(path -> entry(path, head()).filter(e -> e.session() == session).isPresent())
        .toList();
  }

  /** A commit in the making. */
  final class Draft {
    private final long session;
    private final Map<String, Optional<Entry>> entries = new HashMap<>();
    private final List<Change> changes = new ArrayList<>();

    Draft(long session) {
      this.session = session;
    }

    /** Why the part does not stand, if so; else it is in the draft. */
    Optional<Reason> add(Op op) {
      return switch (op) {
        case Op.Check(var path, var version) -> mismatch(path, version);
        case Op.Create(var path, var data, var life) -> create(path, data, life);
        case Op.Put(var path, var data, var version) -> {
          Optional<Reason> mismatch = mismatch(path, version);
          if (mismatch.isEmpty()) {
            Entry old = now(path).orElseThrow();
            put(path, Optional.of(new Entry(data, version + 1, old.session())));
            changes.add(new Change(path, Change.Kind.CHANGED));
          }
          yield mismatch;
        }
        case Op.Delete(var path, var version) -> {
          Optional<Reason> mismatch = mismatch(path, version);
          if (mismatch.isEmpty() && hasChildren(path)) {
            mismatch = Optional.of(Reason.NOT_EMPTY);
          }
          if (mismatch.isEmpty()) {
            put(path, Optional.empty());
            changes.add(new Change(path, Change.Kind.DELETED));
          }
          yield mismatch;
        }
      };
    }

    private Optional<Reason> create(String path, Bytes data, Op.Life life) {
      if (now(path).isPresent()) {
        return Optional.of(Reason.EXISTS);
      }
      String parent = StorePath.parent(path);
      if (!parent.equals(StorePath.ROOT)) {
        Optional<Entry> above = now(parent);
        if (above.isEmpty()) {
          return Optional.of(Reason.NO_ENTRY);
        }
        if (above.get().session() != 0) {
          return Optional.of(Reason.PARENT_EPHEMERAL);
        }
      }
      put(path, Optional.of(new Entry(data, 0, life == Op.Life.EPHEMERAL ? session : 0)));
      changes.add(new Change(path, Change.Kind.CREATED));
      return Optional.empty();
    }

    private Optional<Reason> mismatch(String path, int version) {
      Optional<Entry> entry = now(path);
      if (entry.isEmpty()) {
        return Optional.of(Reason.NO_ENTRY);
      }
      return entry.get().version() == version
          ? Optional.empty()
          : Optional.of(Reason.OTHER_VERSION);
    }

    private boolean hasChildren(String path) {
      boolean kept =
          children(path, head()).stream().anyMatch(name -> now(path + "/" + name).isPresent());
      return kept
          || entries.entrySet().stream()
              .anyMatch(e -> e.getValue().isPresent() && StorePath.parent(e.getKey()).equals(path));
    }

    private Optional<Entry> now(String path) {
      Optional<Entry> changed = entries.get(path);
      return changed == null ? entry(path, head()) : changed;
    }

    private void put(String path, Optional<Entry> entry) {
      entries.put(path, entry);
    }

    /** Makes it so. */
    int commit() {
      commits.add(List.copyOf(changes));
      entries.forEach((path, entry) ->
          histories.computeIfAbsent(path, _ -> new ArrayList<>()).add(new Version(head(), entry)));
      return head();
    }
  }
}
